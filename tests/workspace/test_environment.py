from pathlib import Path

from forkcli.workspace.environment import find_program, own_environment, safe_path, sandbox_environment


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / name
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    return made


def test_relative_empty_and_project_directories_are_not_on_the_path(tmp_path: Path) -> None:
    project = tmp_path / "p"
    (project / "bin").mkdir(parents=True)
    (tmp_path / "link").symlink_to(project / "bin")
    value = f".::bin:{project}/bin:{project}/../p/bin:{tmp_path}/link:/usr/bin:/usr/bin"
    assert safe_path(value, [project]) == ("/usr/bin",)


def test_a_program_is_never_taken_from_the_project(tmp_path: Path) -> None:
    project = tmp_path / "p"
    _program(project / "bin", "git")
    outside = _program(tmp_path / "outside", "git")
    (tmp_path / "sly").mkdir()
    (tmp_path / "sly/git").symlink_to(project / "bin/git")
    path = f".:{project}/bin:{tmp_path}/sly:{tmp_path}/outside"
    assert find_program("git", [project], {"PATH": path}) == str(outside)


def test_what_is_not_executable_or_not_there_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("x")
    assert find_program("tool", [], {"PATH": str(tmp_path)}) is None
    assert find_program("no-such-tool-anywhere", [], {}) is None


def test_a_sandboxed_command_sees_no_key_and_no_socket(tmp_path: Path) -> None:
    secret = [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "FORK_MODEL",
        "OPENAI_API_KEY",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
    ]
    secret += [
        "SSH_AUTH_SOCK",
        "DBUS_SESSION_BUS_ADDRESS",
        "DOCKER_HOST",
        "LD_PRELOAD",
        "PYTHONPATH",
        "BASH_ENV",
        "DISPLAY",
    ]
    env = sandbox_environment({**dict.fromkeys(secret, "x"), "HOME": "/h", "LC_TIME": "C"}, [tmp_path], None, net=True)
    assert not set(secret) & set(env)
    assert env["HOME"] == "/h"
    assert env["LC_TIME"] == "C"
    assert (env["TERM"], env["PAGER"], env["GIT_TERMINAL_PROMPT"]) == ("dumb", "cat", "0")


def test_an_activated_environment_of_the_project_is_first_inside_the_sandbox_only(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    environ = {"PATH": f"{venv}/bin:/usr/bin", "VIRTUAL_ENV": str(venv)}
    assert sandbox_environment(environ, [tmp_path], None, net=False)["PATH"] == f"{venv}/bin:/usr/bin"
    assert own_environment(environ, [tmp_path])["PATH"] == "/usr/bin"


def test_a_command_outside_the_sandbox_has_the_users_environment_less_forks_own(tmp_path: Path) -> None:
    environ = {
        "EDITOR": "vi",
        "MY_VAR": "1",
        "ANTHROPIC_API_KEY": "k",
        "FORK_MODEL": "m",
        "BASH_ENV": "x",
        "PATH": ".:/bin",
    }
    environ |= {"GIT_DIR": "/elsewhere", "BASH_FUNC_ls%%": "() { evil; }", "SSH_AUTH_SOCK": "/s"}
    env = own_environment(environ, [tmp_path])
    assert env["MY_VAR"] == "1"
    assert env["SSH_AUTH_SOCK"] == "/s"
    assert env["PATH"] == "/bin"
    assert not {"ANTHROPIC_API_KEY", "FORK_MODEL", "BASH_ENV", "GIT_DIR", "BASH_FUNC_ls%%"} & set(env)


def test_proxies_and_indexes_come_with_the_network_but_passwords_of_indexes_do_not(tmp_path: Path) -> None:
    environ = {"https_proxy": "http://u:p@proxy", "PIP_INDEX_URL": "https://u:p@index", "GOPROXY": "https://go"}
    assert not set(environ) & set(sandbox_environment(environ, [tmp_path], None, net=False))
    env = sandbox_environment(environ, [tmp_path], None, net=True)
    assert set(environ) & set(env) == {"https_proxy", "GOPROXY"}


def test_tools_that_ignore_the_cache_variable_move_once_a_command_with_network_ran(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert "CARGO_HOME" not in sandbox_environment({}, [], cache, net=False)
    assert sandbox_environment({}, [], cache, net=True)["CARGO_HOME"] == str(cache / "cargo")
    (cache / "cargo").mkdir(parents=True)
    assert sandbox_environment({}, [], cache, net=False)["CARGO_HOME"] == str(cache / "cargo")
    assert sandbox_environment({}, [], cache, net=False)["XDG_CACHE_HOME"] == str(cache)

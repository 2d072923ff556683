"""Odd places to be started in: no home, no working directory, any umask, names that are no names."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from safety_kit import ROOT, Strike, run_fork

from forkcli.errors import ForkError
from forkcli.models.scripted import ScriptedServer, call, reply
from forkcli.workspace.files import Files
from forkcli.workspace.project import find_project
from forkcli.workspace.secrets import find_secrets

NO_USER = 54321  # an id without an entry in the user database


def test_without_home_and_user_entry_there_is_no_crash(project: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    code = (
        f"import os, pwd, sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; "
        f"from forkcli.workspace.project import is_risky_root; os.setgid({NO_USER}); os.setuid({NO_USER}); "
        "print(is_risky_root(Path('/srv/x')), is_risky_root(Path('/')))"
    )
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False, cwd="/")
    assert done.stdout.split() == [b"False", b"True"], done.stderr


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_a_deleted_working_directory_is_told_and_no_crash(tmp_path: Path, path: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && exec "$2" -m forkcli ls'
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(gone), sys.executable],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path}"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert b"working directory does not exist" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_open_umask_makes_nothing_of_forks_writable_for_others(
    needs_sandbox: None, project: Path, sealed: Path, strike: Strike
) -> None:
    before = os.umask(0)
    try:
        made = strike(call("bash", command="umask; touch made"))
    finally:
        os.umask(before)
    assert "0000" in made.results[0]  # the user's own umask stays that of commands
    kept = [project / ".fork", *(project / ".fork").rglob("*"), *(sealed / ".cache").rglob("*")]
    packs = project / ".fork/snapshots.git/objects/pack"  # git makes a pack readable, in a folder that is not
    open_ = [path for path in kept if stat.S_IMODE(path.lstat().st_mode) & (0o022 if path.parent == packs else 0o077)]
    assert open_ == []


def test_earlier_input_is_hidden_like_a_shells_history(project: Path, sealed: Path) -> None:
    file = sealed / ".config/fork/input-history"
    file.parent.mkdir(parents=True)
    file.write_text("+my password is x\n")
    assert file in find_secrets({"HOME": str(sealed)}, project).files


@pytest.mark.parametrize("path", ["~", "~/x", "~/.ssh/config"])
def test_a_tilde_makes_no_directory_of_that_name(project: Path, path: str) -> None:
    files = Files([project])
    try:
        with pytest.raises(ForkError, match="not the home directory"):
            files.write(path, b"x")
    finally:
        files.close()
    assert not (project / "~").exists()


@pytest.mark.parametrize("name", ["new\nline", "\x1b]0;owned\x07", "$(touch x)`touch y`'\"", "-rf", "a;b&c|d"])
def test_a_project_of_any_name_is_worked_in_and_named_without_harm(
    needs_sandbox: None, tmp_path: Path, name: str
) -> None:
    place = tmp_path / name
    place.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    with ScriptedServer([reply(call("bash", command="touch made")), reply("done")]) as server:
        done = run_fork(place, server.base_url, ("-p", "go"), {})
        shown = run_fork(place, server.base_url, ("show",), {})
    assert sorted(path.name for path in place.iterdir()) == [".fork", ".git", "made"]
    assert not {0x1B, 0x07} & set(done.stdout + done.stderr + shown.stdout + shown.stderr)


@pytest.mark.parametrize(("mode", "taken"), [(0o755, True), (0o1777, False)])
def test_root_takes_no_work_tree_that_anyone_could_have_planted(tmp_path: Path, mode: int, taken: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's files")
    place = tmp_path / "shared"
    (place / "mine").mkdir(parents=True)
    (place / ".git").mkdir()
    (place / ".git/HEAD").write_text("ref: refs/heads/main\n")
    for path in (place / ".git", place / ".git/HEAD"):
        os.chown(path, NO_USER, NO_USER)
    place.chmod(mode)
    assert (find_project(place / "mine").root == place) is taken

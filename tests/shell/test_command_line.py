"""The command as a person types it: usage errors, exit codes, subcommands, and hostile projects."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from made import finished, made

from forkcli.cli import run
from forkcli.errors import ForkError, Kind

Cli = Any


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--nonsense"], "--nonsense"),
        (["--max-steps", "many", "x"], "--max-steps takes a whole number, 1 or more, not 'many'"),
        (["--max-steps", "0", "-p", "x"], "1 or more, not '0'"),
        (["ls", "-n", "0"], "--limit takes a whole number"),
        (["--effort", "huge", "x"], "huge"),
        (["-o", "xml", "x"], "xml"),
        (["-m"], "-m"),
        (["fix", "the", "bug"], "quote it: fork 'fix the bug'"),
        (["tree", "of", "files"], "quote it: fork 'tree of files'"),
        (["ls", "files"], "the subcommand `ls` does not take these words: files"),
        (["-p", "ls"], "-- ls"),
        (["-m", "opus", "doctor"], "`doctor` is a subcommand"),
        (["tell", "main"], "TEXT"),
        (["-c", "-r", "x"], "two sessions"),
        (["--agent", "f1", "x"], "--agent"),
        (["--access", "admin", "x"], "admin"),
        (["-C", "/no/such/place", "ls"], "/no/such/place"),
        (["--base-url", "nowhere", "-p", "x"], "--base-url"),
        (["--add-dir", "no-such", "-p", "x"], "--add-dir"),
        (["", "-p"], "the prompt is empty"),
        (["show", "--history", "--context"], "two views"),
        (["tree", "a", "--session", "b"], "twice"),
        (["clean", "--yes"], "--older-than"),
        (["clean", "--keep", "-1"], "--keep"),
        (["clean", "--session", "x", "--keep", "1"], "--session names one"),
    ],
)
def test_a_mistake_is_a_usage_error_that_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(ForkError) as caught:
        run(words)
    assert caught.value.kind is Kind.USAGE
    assert told in "\n".join([caught.value.sentence, *caught.value.hints])
    assert "\n" not in caught.value.sentence


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lss"], "hint: `lss` is sent to the model as a prompt; the subcommand is `fork ls`\n"),
        (["-p", "docter"], "hint: `docter` is sent to the model as a prompt; the subcommand is `fork doctor`\n"),
        (["help"], "hint: `help` is sent to the model as a prompt; `fork --help` lists"),
        (["l\x1bs"], "hint: `l␛s` is"),
        (["--", "lss"], ""),
        (["lss is broken"], ""),
        (["explain"], ""),
    ],
)
def test_a_word_that_is_nearly_a_subcommand_is_a_prompt_and_that_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(ForkError, match="--max-steps"):  # read after the words are, and before anything is sent
        run(["--max-steps", "none", *words])
    said = capsys.readouterr().err
    assert said.startswith(told)
    assert bool(said) == bool(told)


@pytest.mark.parametrize("words", [["-p"], [], ["--nonsense"], ["tree", "of", "files"]])
def test_a_usage_error_is_one_sentence_with_hints_and_exit_code_2(fork_cli: Cli, words: list[str]) -> None:
    done = fork_cli(*words)
    assert (done.code, done.stdout) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n(hint: [^\n]+\n)+", done.stderr)


def test_help_needs_no_session_and_lists_options_and_verbs(fork_cli: Cli) -> None:
    done = fork_cli("--help")
    assert (done.code, done.stderr) == (0, "")
    assert "--output-format" in done.stdout
    assert "doctor" in done.stdout
    assert fork_cli("-h").stdout == done.stdout
    assert fork_cli("ls", "--help").code == 0


def test_without_a_key_the_three_ways_on_are_told(fork_cli: Cli) -> None:
    done = fork_cli("-p", "hello")
    assert done.code == 2
    assert all(way in done.stderr for way in ("ANTHROPIC_API_KEY", "--base-url", "fork demo"))


def test_without_a_key_a_script_gets_a_result_object(fork_cli: Cli) -> None:
    done = fork_cli("-o", "json", "hello")
    value = json.loads(done.stdout)
    assert (value["type"], value["is_error"], value["num_turns"]) == ("result", True, 0)
    assert value["errors"] == ["there is no API key"]
    assert done.code == 2


def test_options_stand_before_or_after_a_verb(fork_cli: Cli, project: Path, tmp_path: Path) -> None:
    one = made(project, finished())
    for words in (["-C", str(project), "ls"], ["ls", "-C", str(project)], ["ls", f"--cwd={project}", "-v"]):
        assert one.id in fork_cli(*words, cwd=tmp_path).stdout


def test_a_subdirectory_belongs_to_its_project(fork_cli: Cli, project: Path) -> None:
    one = made(project, finished())
    assert one.id in fork_cli("ls", cwd=project / "src").stdout


def test_every_verb_prints_json_that_parses(fork_cli: Cli, project: Path) -> None:
    one = made(project, finished("fix \x1b[31m it \x9b"))
    rows = json.loads(fork_cli("ls", "--json").stdout)
    assert set(rows[0]) == {"session", "title", "created", "updated", "state", "agents", "cost_usd"}
    tree = json.loads(fork_cli("tree", one.id, "--json").stdout)
    assert tree["session"] == one.id
    assert set(tree["agents"][0]) == {
        *("agent", "kind", "parent", "at", "state", "task", "steps", "usage", "cost_usd", "first_cache_share", "files")
    }
    history = json.loads(fork_cli("show", "--history", "--json").stdout)
    assert [entry["type"] for entry in history][:2] == ["agent", "prompt"]
    assert set(json.loads(fork_cli("show", "main", "--context", "--json").stdout)) == {"system", "tools", "messages"}
    assert json.loads(fork_cli("show", "--json").stdout)["agent"] == "main"
    assert json.loads(fork_cli("show", "--prompt", "--json").stdout) == {"prompt": "fix the bug"}
    assert json.loads(fork_cli("check", "--json").stdout)["ok"] is True
    assert json.loads(fork_cli("tell", "main", "hi", "--json").stdout)["agent"] == "main"
    assert json.loads(fork_cli("show", "--diff", "--json").stdout) == {"diff": ""}
    for verb in (["tree"], ["show"], ["show", "--history"], ["show", "--context"]):
        for form in ([], ["--json"]):
            assert not {"\x1b", "\x9b"} & set(fork_cli(*verb, *form).stdout)


def test_check_fails_for_a_damaged_session(fork_cli: Cli, project: Path) -> None:
    one = made(project, finished())
    assert fork_cli("check").code == 0
    path = one.agent / "history.jsonl"
    path.write_bytes(path.read_bytes().replace(b"fixed", b"fiXed"))
    done = fork_cli("check", one.id)
    assert done.code == 1
    assert "line 10" in done.stdout
    shown = fork_cli("show")
    assert shown.code == 0
    assert "line 10" in shown.stderr


def test_a_message_can_come_from_standard_input(fork_cli: Cli, project: Path) -> None:
    one = made(project, finished())
    assert fork_cli("tell", "main", "-", stdin=b"from a pipe \xff").code == 0
    (file,) = (one.agent / "inbox").iterdir()
    assert file.read_text() == "from a pipe \ufffd"


def test_clean_asks_nobody_in_a_pipe_and_removes_nothing(fork_cli: Cli, project: Path) -> None:
    one = made(project, finished())
    done = fork_cli("clean", stdin="y\n")
    assert done.code == 2
    assert one.id in done.stderr
    assert one.folder.is_dir()
    done = fork_cli("clean", "--keep", "0", "--yes", "--json")
    assert [row["session"] for row in json.loads(done.stdout)["sessions"]] == [one.id]
    assert not one.folder.exists()


def test_unknown_sessions_and_agents_are_named(fork_cli: Cli, project: Path) -> None:
    assert fork_cli("tree").code == 1
    one = made(project, finished())
    done = fork_cli("tree", "zzz")
    assert done.code == 1
    assert one.id in done.stderr
    assert "its agents: main" in fork_cli("show", "f9").stderr


def test_a_hostile_project_changes_nothing_and_is_told(fork_cli: Cli, project: Path) -> None:
    (project / ".fork").mkdir(exist_ok=True)
    (project / ".fork/config.toml").write_text('base_url = "http://127.0.0.1:1"\naccess = "full"\nx\x7f = "\\u001b"\n')
    (project / ".env").write_text("ANTHROPIC_BASE_URL=http://127.0.0.1:1\nANTHROPIC_API_KEY=x\n")
    done = fork_cli("doctor")
    assert "api.anthropic.com: no key" in done.stdout
    assert "\x1b" not in done.stdout


def test_doctor_says_what_works_and_never_prints_a_key(fork_cli: Cli) -> None:
    env = {"ANTHROPIC_API_KEY": "sk-very-secret"}
    done = fork_cli("doctor", env=env)
    assert done.code == 0
    value = json.loads(fork_cli("doctor", "--json", env=env).stdout)
    assert value["ok"] is True
    rows = {row["name"]: row for row in value["rows"]}
    assert {"fork", "terminal", "model", "git", "bwrap", "namespaces", "sandbox", "project", "history"} <= set(rows)
    assert "secret" not in done.stdout + json.dumps(value)
    assert fork_cli("doctor").code == 1


def test_doctor_says_what_to_install(fork_cli: Cli, tmp_path: Path) -> None:
    env = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    done = fork_cli("doctor", "--json", env=env)
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["model"]["health"] == "ok"
    assert rows["server"]["health"] == "missing"
    assert done.code == 1


def test_doctor_writes_nothing_into_the_project(fork_cli: Cli, project: Path) -> None:
    before = sorted(project.rglob("*"))
    fork_cli("doctor")
    assert sorted(project.rglob("*")) == before

"""What people and machines get wrong: one sentence on stderr, the right exit code, nothing lost."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_kit import Desk, Serve, by_step, until

from forkcli.core.entries import Assistant, Prompt
from forkcli.models.scripted import Reply, call, reply, say

NOBODY = pwd.getpwnam("nobody").pw_uid
ROOT = os.geteuid() == 0


def one_sentence(text: str) -> str:
    """The error's sentence; stderr holds nothing but it and its hints."""
    first, *rest = text.splitlines()
    assert first.startswith("error: "), text
    assert all(line.startswith("hint: ") for line in rest), text
    return first.removeprefix("error: ")


def two_sessions(desk: Desk, serve: Serve) -> None:
    serve(Reply([say("fine")], times=0))
    desk.run("-p", "first")
    desk.run("-p", "second")


def test_a_session_that_is_not_there_is_named_with_those_that_are(desk: Desk, serve: Serve) -> None:
    two_sessions(desk, serve)
    done = desk.run("-r", "zzzz", "-p", "hello")
    assert done.code == 1
    assert "no session `zzzz`" in one_sentence(done.stderr)
    assert all(session.name in done.stderr for session in desk.sessions)


def test_a_name_that_could_be_two_sessions_is_refused(desk: Desk, serve: Serve) -> None:
    two_sessions(desk, serve)
    done = desk.run("-r", "20", "-p", "hello")
    assert done.code == 1
    assert "any of 2 sessions" in one_sentence(done.stderr)


@pytest.mark.parametrize("name", ["..", "../../etc", "", "/", "a\x1b[2J", "x" * 5000])
def test_a_name_that_is_no_session_never_reaches_a_path_or_the_terminal(desk: Desk, serve: Serve, name: str) -> None:
    two_sessions(desk, serve)
    done = desk.run("-r", name, "-p", "hello")
    assert done.code in {1, 2}
    assert "\x1b" not in done.stderr
    one_sentence(done.stderr)


def test_there_is_nothing_to_go_on_with_in_a_new_project(desk: Desk, serve: Serve) -> None:
    serve(reply("never"))
    done = desk.run("-c", "-p", "hello")
    assert done.code == 1
    assert "no session" in one_sentence(done.stderr)


def test_an_agent_that_is_not_there_is_named_with_those_that_are(desk: Desk, serve: Serve) -> None:
    serve(reply("fine"))
    desk.run("-p", "first")
    done = desk.run("-c", "--agent", "f7", "-p", "hello")
    assert done.code == desk.run("show", "f7").code == desk.run("tell", "f7", "hello").code == 2
    assert "no agent 'f7'" in one_sentence(done.stderr)
    assert "main" in done.stderr


# --- damage -----------------------------------------------------------------------------------------------------------


def spoil(desk: Desk, line: int, what: bytes = b"#") -> None:
    path = desk.agent / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = what + lines[line - 1][len(what) :]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("line", [2, 3, 4, 5, 6, 8])
def test_a_damaged_line_is_told_kept_and_the_session_goes_on(desk: Desk, serve: Serve, line: int) -> None:
    server = serve(by_step(reply("I look", call("read", path="README.md")), reply("one"), reply("two"), reply("two")))
    desk.run("-p", "first")
    assert len(desk.entries) == 8
    spoil(desk, line)
    check = desk.run("check")
    assert check.code == 1
    assert f"line {line}" in check.stdout + check.stderr
    done = desk.run("-c", "-p", "go on")
    assert done.code == 0, done.stderr
    assert f"line {line} of the history is damaged" in done.stderr
    assert server.refusals == []
    assert (desk.agent / "history.jsonl.damaged").read_bytes().startswith(b"#")
    assert (desk.agent / "history.jsonl").read_bytes().count(b"\n#") == 1


def test_a_history_whose_first_line_is_damaged_is_not_gone_on_with(desk: Desk, serve: Serve) -> None:
    serve(reply("one"), reply("two"))
    desk.run("-p", "first")
    spoil(desk, 1)
    before = (desk.agent / "history.jsonl").read_bytes()
    done = desk.run("-c", "-p", "go on")
    assert done.code == 1
    assert "first line" in one_sentence(done.stderr)
    assert (desk.agent / "history.jsonl").read_bytes() == before
    assert desk.run("-p", "a new one").stdout == "two\n"


def test_a_history_of_garbage_is_one_sentence(desk: Desk, serve: Serve) -> None:
    serve(reply("one"))
    desk.run("-p", "first")
    (desk.agent / "history.jsonl").write_bytes(os.urandom(4096))
    done = desk.run("-c", "-p", "go on")
    assert done.code == 1
    one_sentence(done.stderr)


def test_a_context_that_was_tampered_with_is_built_again(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"))
    desk.run("-p", "first")
    path = desk.agent / "context.jsonl"
    path.write_bytes(path.read_bytes().replace(b"first", b"worst"))
    (desk.agent / "transcript.md").unlink()
    assert desk.run("check").code == 1
    assert desk.run("-c", "-p", "go on").code == 0
    assert "worst" not in server.requests[-1].raw.decode()
    assert desk.findings() == []


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def user(desk: Desk, sealed: Path) -> dict[str, int]:
    """Options of a run as an ordinary user: root may read and write what it likes."""
    if not ROOT:
        return {}
    for folder in (*desk.project.rglob("*"), desk.project, *sealed.parent.rglob("*"), sealed.parent):
        os.chown(folder, NOBODY, -1, follow_symlinks=False)
    for folder in desk.project.parents:
        if folder.name.startswith(("pytest-", "test_")) or folder.parent.name.startswith("pytest-"):
            folder.chmod(0o755)
    return {"uid": NOBODY}


def test_a_history_that_may_not_be_read_is_one_sentence(desk: Desk, serve: Serve, user: dict[str, int]) -> None:
    serve(reply("one"), reply("two"))
    assert desk.run("-p", "first", **user).code == 0
    history = desk.agent / "history.jsonl"
    history.chmod(0)
    done = desk.run("-c", "-p", "go on", **user)
    assert done.code in {1, 4}
    assert "permission denied" in one_sentence(done.stderr).lower()
    history.chmod(0o600)
    assert desk.run("-c", "-p", "go on", **user).stdout == "two\n"


def test_a_project_that_cannot_be_written_to_is_refused_before_anything_starts(
    desk: Desk, serve: Serve, user: dict[str, int]
) -> None:
    server = serve(reply("never"))
    desk.project.chmod(0o555)
    done = desk.run("-p", "hello", **user)
    desk.project.chmod(0o755)
    assert done.code == 4
    assert ".fork" in one_sentence(done.stderr)
    assert server.requests == []


@pytest.fixture
def tiny(desk: Desk) -> Iterator[Path]:
    """A project on a file system of one megabyte; on this machine, or in a namespace, mounting may be forbidden."""
    place = desk.project.parent / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_stops_the_run_and_what_was_saved_is_gone_on_with(desk: Desk, serve: Serve, tiny: Path) -> None:
    fills = call("bash", command="head -c 2m /dev/zero > fill; echo full")
    server = serve(by_step(reply("x" * 50_000, fills), reply("y" * 50_000), reply("done")))
    desk.project = tiny
    done = desk.run("-p", "fill it")
    assert done.code == 4
    assert "no space is left" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(server.requests) <= 2
    assert desk.run("-p", "hello").code == 4
    (tiny / "fill").unlink()
    again = desk.run("-c", "-p")
    assert again.code == 0
    assert again.stdout.startswith("yyy")
    assert {finding.severity for finding in desk.findings()} <= {"note"}


@pytest.mark.parametrize("limit", [24_000, 30_000, 40_000])
def test_a_write_that_fails_stops_the_run_and_a_later_one_goes_on(desk: Desk, serve: Serve, limit: int) -> None:
    """A bound on the size of files stands for the full disk: it strikes in the middle of a line."""
    looks = [reply("x" * 6000, call("bash", command=f"echo {n} >> trace")) for n in range(6)]
    server = serve(by_step(*looks, reply("done")))
    done = desk.run("-p", "look", "-o", "json", rlimits={"RLIMIT_FSIZE": (limit, limit)})
    assert done.code == 4
    assert done.result["session_id"] == desk.session.name
    assert done.result["is_error"]
    assert "could not" in done.stderr or "cannot" in done.stderr
    assert "Traceback" not in done.stderr
    before = len(server.requests)
    assert desk.run("check").code == 0
    again = desk.run("-c", "-p")
    assert (again.code, again.stdout) == (0, "done\n")
    assert (desk.project / "trace").read_text().split() == [str(n) for n in range(6)]
    assert len(server.requests) - before <= 7
    assert desk.findings() == []


def test_a_directory_without_git_works(desk: Desk, serve: Serve) -> None:
    server = serve(by_step(reply(call("bash", command="echo hi > new")), reply("done")))
    shutil.rmtree(desk.project / ".git")
    assert desk.run("-p", "go").stdout == "done\n"
    assert (desk.project / "new").read_text() == "hi\n"
    assert "Git: none" in server.requests[0].raw.decode()


def test_a_home_directory_is_no_project(desk: Desk, serve: Serve, sealed: Path) -> None:
    serve(reply("never"))
    done = desk.run("-p", "hello", cwd=sealed)
    assert done.code == 2
    assert "home directory" in one_sentence(done.stderr)
    assert not (sealed / ".fork").exists()
    assert desk.run("-p", "hello", cwd=Path("/")).code == 2


def test_a_second_process_on_a_session_is_told_who_holds_it(desk: Desk, serve: Serve) -> None:
    serve(Reply([say("slow " * 40)], tokens_per_s=20), reply("other"))
    first = desk.start("-p", "hello")
    desk.wait_for(Prompt)
    done = desk.run("-c", "-p", "me too")
    assert done.code == 1
    assert f"process {first.pid}" in one_sentence(done.stderr)
    assert desk.run("-p", "a session of my own").stdout == "other\n"
    assert first.wait() == 0
    assert len(desk.sessions) == 2


def test_without_a_key_there_are_three_ways_on(desk: Desk) -> None:
    done = desk.run("-p", "hello")
    assert done.code == 2
    one_sentence(done.stderr)
    for way in ("ANTHROPIC_API_KEY", "--base-url", "fork demo"):
        assert way in done.stderr
    assert not (desk.project / ".fork").exists()


def test_a_project_that_is_deleted_while_it_runs_is_one_sentence(desk: Desk, serve: Serve) -> None:
    def is_gone() -> bool:
        shutil.rmtree(desk.project, ignore_errors=True)  # the run may have written a file into what was just emptied
        return not desk.project.exists()

    serve(by_step(Reply([call("bash", command="true")], delay_s=0.4), reply("done")))
    running = desk.start("-p", "hello")
    desk.wait_for(Prompt)
    until(lambda: desk.history.messages)
    until(is_gone)
    assert running.wait() == 4
    assert "Traceback" not in running.stderr
    errors = [line for line in running.stderr.splitlines(keepends=True) if not line.startswith("warning: ")]
    one_sentence("".join(errors))


def test_a_history_that_another_program_wrote_to_is_not_written_over(desk: Desk, serve: Serve) -> None:
    serve(by_step(Reply([say("late")], delay_s=0.5), reply("later")))
    running = desk.start("-p", "hello")
    desk.wait_for(Prompt)
    until(lambda: desk.history.messages)
    with (desk.agent / "history.jsonl").open("ab") as file:
        file.write(b'{"not":"ours"}\n')
    assert running.wait() == 4
    assert "by another program" in running.stderr
    assert desk.bodies(Assistant) == []
    assert desk.run("-c", "-p").stdout == "late\n"


@pytest.mark.parametrize("home", [None, "", "relative", "/nonexistent"])
def test_a_user_without_a_home_directory_works(
    desk: Desk, serve: Serve, user: dict[str, int], home: str | None
) -> None:
    """As in a container that runs under a number that no account has."""
    serve(reply("fine"))
    env = {name: "" for name in os.environ if name.startswith("XDG_")}
    options: dict[str, object] = {"uid": 54321} if user else {}
    if user:
        for folder in (*desk.project.rglob("*"), desk.project):
            os.chown(folder, 54321, -1, follow_symlinks=False)
    unset = ["HOME"] if home is None else []
    done = desk.run("-p", "hello", env={**env, "HOME": home or ""}, unset=unset, **options)
    assert (done.code, done.stdout) == (0, "fine\n"), done.stderr


def test_a_directory_as_standard_input_is_one_sentence(desk: Desk, serve: Serve) -> None:
    serve(reply("never"))
    folder = os.open(desk.project, os.O_RDONLY)
    done = desk.run("-p", "hello", stdin=folder)
    os.close(folder)
    assert done.code == 1
    assert "standard input" in one_sentence(done.stderr)

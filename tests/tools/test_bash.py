"""`bash` without processes: what it asks, what it passes on, what it says."""

import asyncio

import pytest
from tools_kit import Desk, complaint, ended, text

from forkcli.core.ids import MAIN
from forkcli.engine.ports import Question
from forkcli.errors import ForkError
from forkcli.tools.bash import bash_tool

BASH = bash_tool()


async def refused(desk: Desk, **args: object) -> str:
    with pytest.raises(ForkError) as caught:
        await desk.call(BASH, **args)
    return complaint(caught.value)


def test_it_takes_either_a_command_or_a_job_to_stop() -> None:
    for args in ({}, {"command": "ls", "stop": "j1"}, {"command": ""}, {"command": " \n"}, {"stop": ""}):
        with pytest.raises(ForkError, match="either `command` or `stop`"):
            BASH.check(args)


def test_empty_fields_that_models_fill_in_count_as_left_out() -> None:
    assert BASH.check({"command": "ls", "stop": "", "why": "", "net": None}) == {
        "command": "ls",
        "timeout_s": 120,
        "background": False,
        "net": False,
    }


def test_a_nul_in_a_command_and_a_timeout_beyond_the_limit_are_refused() -> None:
    with pytest.raises(ForkError, match="NUL"):
        BASH.check({"command": "echo a\0b"})
    with pytest.raises(ForkError, match="from 1 to 600, not 601"):
        BASH.check({"command": "ls", "timeout_s": 601})


def test_bash_never_only_reads() -> None:
    assert not BASH.only_reads({"command": "ls"})


async def test_a_command_runs_in_the_sandbox_without_a_question(desk: Desk) -> None:
    desk.workspace.end = ended("hello\n")
    assert text(await desk.call(BASH, command="echo hello")) == "hello"
    (command,) = desk.workspace.commands
    assert (command.script, command.cwd, command.timeout_s) == ("echo hello", str(desk.root), 120)
    assert (command.net, command.sandboxed, command.access) == (False, True, "write")
    assert desk.asked == []


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (0, "[no output]"),
        (1, "[no output]\n[exit 1]"),
        (139, "[no output]\n[exit 139: SIGSEGV]"),
        (137, "[no output]\n[exit 137: SIGKILL]"),
        (255, "[no output]\n[exit 255]"),
    ],
)
async def test_the_exit_code_is_told_unless_it_is_0(desk: Desk, code: int, note: str) -> None:
    desk.workspace.end = ended(exit_code=code)
    outcome = await desk.call(BASH, command="x")
    assert text(outcome) == note
    assert outcome.facts.exit_code == code
    assert not outcome.is_error


async def test_a_command_that_was_killed_is_an_error_that_says_why(desk: Desk) -> None:
    desk.workspace.end = ended("so far", exit_code=None, timed_out=True)
    outcome = await desk.call(BASH, command="x", timeout_s=5)
    assert text(outcome).startswith("so far\n[timed out after 5 s: ")
    assert outcome.is_error
    desk.workspace.end = ended("y", exit_code=None, capped=True)
    assert text(await desk.call(BASH, command="x")).endswith("[killed: output over 64 MiB]")
    desk.workspace.end = ended("y", exit_code=None)
    assert text(await desk.call(BASH, command="x")) == "y\n[killed]"


async def test_the_directory_is_told_only_when_it_changed(desk: Desk) -> None:
    desk.workspace.end = ended("x", cwd=str(desk.root))
    outcome = await desk.call(BASH, command="x")
    assert (text(outcome), outcome.facts.cwd) == ("x", None)
    desk.workspace.end = ended("x", cwd=str(desk.root / "src"))
    outcome = await desk.call(BASH, command="cd src")
    assert (text(outcome), outcome.facts.cwd) == ("x\n[cwd: src]", str(desk.root / "src"))
    desk.cwd = str(desk.root / "src")
    desk.workspace.end = ended("x", cwd=str(desk.root))
    outcome = await desk.call(BASH, command="cd ..")
    assert text(outcome) == "x\n[cwd: the project's root]"


async def test_the_path_of_the_whole_output_works_where_the_shell_stands(desk: Desk) -> None:
    desk.workspace.end = ended("w" * 30_700, cwd=str(desk.root / "src"))
    outcome = await desk.call(BASH, command="cd src; x")
    assert f"all of it: {desk.root}/.fork/sessions/s/agents/main/outputs/bash-1.txt …]" in text(outcome)
    assert outcome.facts.output_file == ".fork/sessions/s/agents/main/outputs/bash-1.txt"


async def test_network_is_asked_for_with_the_command_and_the_reason(desk: Desk) -> None:
    desk.agrees = True
    await desk.call(BASH, command="curl x", net=True, why="to look")
    assert desk.asked == [Question(MAIN, "net", "curl x", "to look")]
    assert desk.workspace.commands[0].net
    assert desk.workspace.commands[0].sandboxed


async def test_network_that_was_allowed_is_not_asked_for_again(desk: Desk) -> None:
    desk.net = True
    await desk.call(BASH, command="curl x", net=True)
    await desk.call(BASH, command="curl x")
    assert desk.asked == []
    assert [command.net for command in desk.workspace.commands] == [True, True]


async def test_leaving_the_sandbox_is_asked_for_by_why_alone(desk: Desk) -> None:
    desk.agrees = True
    await desk.call(BASH, command="git commit", why="you asked for a commit")
    assert desk.asked == [Question(MAIN, "unsandboxed", "git commit", "you asked for a commit")]
    assert not desk.workspace.commands[0].sandboxed


@pytest.mark.parametrize("args", [{"net": True}, {"why": "because"}, {"why": "because", "background": True}])
async def test_what_was_refused_does_not_run_and_the_model_is_told(desk: Desk, args: dict[str, object]) -> None:
    outcome = await desk.call(BASH, command="x", **args)
    assert outcome.is_error
    assert text(outcome).startswith("Not run: the user refused ")
    desk.attended = False
    alone = await desk.call(BASH, command="x", **args)
    assert "nobody is there to be asked" in text(alone)
    assert "the user refused" not in text(alone)
    assert desk.workspace.commands == []


async def test_without_a_sandbox_every_command_is_asked_for(desk: Desk) -> None:
    desk.workspace.contained = False
    outcome = await desk.call(BASH, command="ls")
    assert text(outcome).startswith("Not run: there is no working sandbox here (none (bubblewrap is not installed))")
    assert outcome.is_error
    desk.agrees = True
    await desk.call(BASH, command="ls")
    assert [question.what for question in desk.asked] == ["unsandboxed", "unsandboxed"]
    assert [command.sandboxed for command in desk.workspace.commands] == [False]


async def test_with_full_access_nothing_is_asked(desk: Desk) -> None:
    desk.access = "full"
    for contained in (True, False):
        desk.workspace.contained = contained
        await desk.call(BASH, command="ls", why="because")
    assert desk.asked == []
    assert all(not command.sandboxed for command in desk.workspace.commands)


async def test_with_access_read_the_sandbox_cannot_be_left(desk: Desk) -> None:
    desk.access, desk.agrees = "read", True
    outcome = await desk.call(BASH, command="x", why="because")
    assert outcome.is_error
    assert desk.asked == []
    await desk.call(BASH, command="x")
    assert desk.workspace.commands[0].access == "read"


@pytest.mark.parametrize(
    ("wrote", "hint"),
    [
        ("touch: /etc/x: Read-only file system", "repeat the call with `why`"),
        ("fatal: cannot lock .git/index.lock: Operation not permitted", "repeat the call with `why`"),
        ("curl: (6) Could not resolve host: example.com", "repeat the call with `net: true`"),
        ("connect: Network is unreachable", "repeat the call with `net: true`"),
        ("npm ERR! code EAI_AGAIN", "repeat the call with `net: true`"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "`net: true`"),
    ],
)
async def test_a_refusal_of_the_sandbox_is_explained_in_one_line(desk: Desk, wrote: str, hint: str) -> None:
    desk.workspace.end = ended(wrote, exit_code=1)
    said = text(await desk.call(BASH, command="x")).splitlines()
    assert said[:2] == [wrote, "[exit 1]"]
    assert hint in said[2]
    assert len(said) == 3
    desk.attended = False
    said = text(await desk.call(BASH, command="x")).splitlines()
    assert said[2].endswith("nobody is there to be asked in this run]")


async def test_nothing_is_explained_that_the_sandbox_did_not_do(desk: Desk) -> None:
    desk.workspace.end = ended("Permission denied, Operation not permitted, no such file", exit_code=1)
    assert "[sandbox" not in text(await desk.call(BASH, command="x"))
    desk.workspace.end = ended("Could not resolve host: x", exit_code=6)
    desk.net = True
    assert "[sandbox" not in text(await desk.call(BASH, command="x"))
    desk.access = "full"
    desk.workspace.end = ended("Read-only file system", exit_code=1)
    assert "[sandbox" not in text(await desk.call(BASH, command="x"))


async def test_with_access_read_the_hint_offers_no_way_out(desk: Desk) -> None:
    desk.access = "read"
    desk.workspace.end = ended("touch: x: Read-only file system", exit_code=1)
    assert text(await desk.call(BASH, command="x")).endswith(
        "[sandbox: your access is `read`: only `.fork/notes/` and /tmp can be written]"
    )


async def test_live_output_is_decoded_as_it_comes(desk: Desk) -> None:
    desk.workspace.says = "é".encode()[:1]
    await desk.call(BASH, command="x")
    assert desk.heard == []
    desk.workspace.says = b"a\xffb"
    await desk.call(BASH, command="x")
    assert desk.heard == ["a�b"]


async def test_output_that_only_the_ring_held_is_kept_whole(desk: Desk) -> None:
    desk.workspace.end = ended("w" * 30_700)
    outcome = await desk.call(BASH, command="x")
    assert outcome.facts.output_file == ".fork/sessions/s/agents/main/outputs/bash-1.txt"
    kept = desk.root / outcome.facts.output_file
    assert kept.read_text() == "w" * 30_700
    assert kept.stat().st_mode & 0o777 == 0o600
    assert outcome.facts.output_file in text(outcome)


async def test_a_background_job_is_told_with_its_id_its_file_and_its_first_words(desk: Desk) -> None:
    desk.workspace.after_s = 30
    desk.workspace.says = b"\x1b[32mlistening on 8000\x1b[0m\n"
    outcome = await desk.call(BASH, command="serve", background=True)
    name = ".fork/sessions/s/agents/main/outputs/job-1.txt"
    assert text(outcome) == f"[job j1 runs in the background; its output: {name}]\nlistening on 8000"
    assert (outcome.facts.job, outcome.facts.output_file) == ("j1", name)
    (command,) = desk.workspace.commands
    assert command.timeout_s is None
    assert command.spool_at_once
    assert desk.jobs.running == {"j1": "serve"}
    stopped = await desk.call(BASH, stop="j1")
    assert text(stopped).startswith("[job j1 stopped after ")
    assert text(stopped).endswith("Its last output:\nso far")
    assert stopped.facts.job_over
    assert desk.jobs.running == {}
    assert desk.told == []


async def test_a_job_that_dies_at_once_says_so(desk: Desk) -> None:
    desk.workspace.end = ended(exit_code=127)
    desk.workspace.says = b"serve: command not found\n"
    outcome = await desk.call(BASH, command="serve", background=True)
    assert text(outcome).startswith("[job j1 has already ended; its output: ")
    assert text(outcome).endswith("serve: command not found\n[exit 127]")
    assert (outcome.facts.exit_code, outcome.facts.job, outcome.facts.job_over) == (127, "j1", True)
    await asyncio.sleep(0.01)
    assert desk.told == [], "its end is told once"


async def test_a_job_unknown_to_stop_is_answered_with_those_that_run(desk: Desk) -> None:
    assert "running: none" in await refused(desk, stop="j7")


async def test_a_background_call_that_is_cut_leaves_no_job(desk: Desk) -> None:
    desk.workspace.after_s = 30
    task = asyncio.create_task(desk.call(BASH, command="serve", background=True))
    await asyncio.sleep(0.05)
    assert desk.jobs.running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert desk.jobs.running == {}

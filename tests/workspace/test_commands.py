"""Commands in the sandbox and out of it: the same promises for both."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from forkcli.engine.ports import Command, CommandEnd
from forkcli.errors import ForkError, Kind
from forkcli.workspace import process
from forkcli.workspace.plain import PlainWorkspace
from forkcli.workspace.spool import Output

Run = Callable[..., Awaitable[CommandEnd]]
Alive = Callable[[str], list[int]]


@pytest.fixture(params=["contained", "free"])
def contained(request: pytest.FixtureRequest) -> bool:
    if request.param == "contained":
        request.getfixturevalue("needs_sandbox")
    return bool(request.param == "contained")


@pytest.fixture
def run(sh: Run, contained: bool) -> Run:
    return partial(sh, sandboxed=contained)


async def test_both_streams_and_the_exit_code_come_back(run: Run) -> None:
    end = await run("echo one; echo two >&2; exit 3")
    assert (end.head, end.tail, end.exit_code, end.total) == ("one\ntwo\n", "", 3, 8)
    assert not end.spooled
    assert 0 < end.seconds < 20


async def test_the_directory_is_carried_over_and_nothing_else_is(run: Run, project: Path) -> None:
    first = await run("cd src && X=1 && export X")
    assert first.cwd == str(project / "src")
    second = await run('pwd; echo "x$X"', cwd=first.cwd)
    assert second.head == f"{project}/src\nx\n"


@pytest.mark.parametrize(
    "script", ["cd src; exit 1", "set -e; cd src; false; cd ..", "cd src; nosuchcommand", "cd src;"]
)
async def test_the_directory_is_known_also_after_failures(run: Run, project: Path, script: str) -> None:
    assert (await run(script)).cwd == str(project / "src")


async def test_a_directory_that_is_gone_becomes_the_root(run: Run, project: Path) -> None:
    end = await run("pwd", cwd=str(project / "gone"))
    assert (end.head, end.cwd) == (f"{project}\n", str(project))


async def test_a_directory_may_be_removed_under_the_shell(run: Run, project: Path) -> None:
    end = await run("mkdir d && cd d && rmdir ../d")
    assert end.exit_code == 0
    assert end.cwd in {None, str(project / "d")}
    assert (await run("pwd", cwd=str(project / "d"))).head == f"{project}\n"


LIES = [r"x\0y", r"/\033[2Jx", "relative", "/" + "x" * 5000, r"/\377", r"/a\nb"]


@pytest.mark.parametrize("lie", LIES, ids=["null", "escape", "relative", "long", "bytes", "lines"])
async def test_what_a_command_says_of_its_directory_is_not_believed_blindly(run: Run, lie: str) -> None:
    # the only pipe but for those of the output; 3 was the listing itself, and may be the pipe of `$(…)` by now
    find = "for fd in /proc/$$/fd/*; do n=${fd##*/}; [[ $n -gt 3 && $(readlink $fd) == pipe:* ]] && break; done"
    end = await run(f"trap - EXIT; {find}; printf '{lie}' >&$n && echo lied")
    assert end.head == "lied\n"
    assert end.cwd is None


async def test_a_mistake_in_the_syntax_is_told_and_the_directory_kept(run: Run, project: Path) -> None:
    end = await run("echo (", cwd=str(project / "src"))
    assert end.exit_code == 2
    assert "syntax error" in end.head
    assert end.cwd == str(project / "src")


async def test_a_command_reads_no_input_and_has_no_terminal(run: Run) -> None:
    end = await run('read line; echo "got $? [$line]"; cat; echo x </dev/tty || echo "no tty"; tty', timeout_s=5.0)
    assert "got 1 []" in end.head
    assert "no tty" in end.head
    assert "not a tty" in end.head


async def test_start_up_files_of_shells_are_not_read(run: Run, sealed: Path, project: Path) -> None:
    for name in (".bashrc", ".profile", ".bash_profile"):
        (sealed / name).write_text("echo READ\n")
        (project / name).write_text("echo READ\n")
    os.environ["BASH_ENV"] = str(sealed / ".bashrc")
    assert (await run("echo hi")).head == "hi\n"


async def test_a_timeout_kills_everything_at_once(run: Run, survivors_of: Alive, nap: str) -> None:
    stubborn = f"setsid bash -c 'trap \"\" TERM HUP; sleep {nap}; sleep {nap}'"
    script = f"(setsid sleep {nap} &) ; sleep {nap} & ({stubborn} &); sleep {nap}"
    end = await run(script, timeout_s=0.3)
    assert end.timed_out
    assert end.exit_code is None
    await _gone(survivors_of, nap)


async def test_a_leftover_in_the_background_neither_hangs_nor_survives(run: Run, survivors_of: Alive, nap: str) -> None:
    end = await run(f"echo out; sleep {nap} & sleep {nap} & echo done")
    assert end.head == "out\ndone\n"
    assert end.exit_code == 0  # of the shell: it did not come to the end of its time
    await _gone(survivors_of, nap)


async def test_a_cancelled_wait_kills_the_command(
    workspace: PlainWorkspace, contained: bool, survivors_of: Alive, nap: str
) -> None:
    running = await workspace.start(Command(f"sleep {nap}", str(workspace.root), sandboxed=contained))
    waiting = asyncio.create_task(running.wait())
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _gone(survivors_of, nap)


async def test_killing_is_told_by_the_end_and_may_be_done_twice(workspace: PlainWorkspace, contained: bool) -> None:
    heard = asyncio.Event()
    command = Command("echo a; sleep 60", str(workspace.root), sandboxed=contained)
    running = await workspace.start(command, lambda _chunk: heard.set())
    await heard.wait()
    running.kill()
    running.kill()
    end = await running.wait()
    assert (end.exit_code, end.timed_out) == (None, False)
    assert [line for line in end.head.splitlines() if "Killed" not in line] == ["a"]  # the shell may outlive its child
    assert await running.wait() == end


async def test_closing_ends_what_still_runs(project: Path, contained: bool, survivors_of: Alive, nap: str) -> None:
    from forkcli.workspace.base import open_workspace

    workspace = open_workspace(project, begin=False)
    for _ in range(3):
        await workspace.start(Command(f"sleep {nap}", str(project), sandboxed=contained))
    await workspace.close()
    await _gone(survivors_of, nap)


async def test_output_that_fits_is_only_in_memory(run: Run, tmp_path: Path) -> None:
    end = await run("seq 1000", spool=tmp_path / "out")
    assert end.head.endswith("1000\n")
    assert not (tmp_path / "out").exists()


async def test_long_output_is_whole_in_the_file_and_by_its_ends_in_memory(run: Run, tmp_path: Path) -> None:
    end = await run("seq 100000", spool=tmp_path / "out")
    whole = "".join(f"{number}\n" for number in range(1, 100001))
    assert (tmp_path / "out").read_text() == whole
    assert (end.total, end.spooled) == (len(whole), True)
    assert whole.startswith(end.head)
    assert whole.endswith(end.tail)
    assert len(end.head) == 20 * 1024
    assert len(end.tail) == 10 * 1024
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


async def test_a_background_jobs_file_is_there_from_the_start(
    workspace: PlainWorkspace, contained: bool, tmp_path: Path
) -> None:
    command = Command(
        "echo first; sleep 36.5", str(workspace.root), sandboxed=contained, spool=tmp_path / "o", spool_at_once=True
    )
    running = await workspace.start(command)
    assert (tmp_path / "o").exists()
    while not (tmp_path / "o").read_text():
        await asyncio.sleep(0.02)
    assert (tmp_path / "o").read_text() == "first\n"
    running.kill()
    assert (await running.wait()).spooled


async def test_an_output_file_is_never_written_over_or_through_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("there", "link"):
        with pytest.raises(ForkError, match="could not be saved") as caught:
            await run("seq 100000", spool=tmp_path / name)
        assert caught.value.kind is Kind.STORAGE
    assert (tmp_path / "there").read_text() == "kept"
    assert not (tmp_path / "target").exists()


async def test_live_output_comes_while_the_command_runs(run: Run, project: Path) -> None:
    heard: list[bytes] = []

    def hear(chunk: bytes) -> None:
        heard.append(chunk)
        (project / "heard").touch()

    end = await run("echo a; until test -e heard; do sleep 0.02; done; echo b", on_output=hear)
    assert b"".join(heard).decode() == end.head == "a\nb\n"


async def test_binary_output_is_decoded_with_replacement_and_counted_in_bytes(run: Run) -> None:
    end = await run("printf '\\377\\000a'")
    assert end.total == 3
    assert end.head == "\ufffd\0a"


async def test_endless_output_ends_at_the_cap(tmp_path: Path, survivors_of: Alive, nap: str) -> None:
    spawn = process.Spawn(
        lambda fd: ["/bin/bash", "-c", f"printf . >&{fd}; yes {nap}"], os.environ, "/", contained=False, mark="m" * 16
    )
    running = await process.start(spawn, Output(tmp_path / "out", limit=1_000_000))
    end = await running.wait()
    assert end.capped
    assert end.exit_code is None
    assert (tmp_path / "out").stat().st_size == 1_000_000
    await _gone(survivors_of, nap)


async def test_a_script_of_any_length_runs(run: Run) -> None:
    end = await run("cat <<'EOF' | wc -c\n" + "x" * 300_000 + "\nEOF\ncd src")
    assert end.head.strip() == "300001"
    assert end.cwd is not None
    assert end.cwd.endswith("/src")


@pytest.mark.parametrize("script", ["a\0b", "echo \ud800"])
async def test_a_script_that_no_shell_could_be_given_is_refused(run: Run, script: str) -> None:
    with pytest.raises(ForkError, match=r"null byte|valid text"):
        await run(script)


async def test_a_command_that_a_signal_ends_has_its_code(run: Run) -> None:
    assert (await run("kill -SEGV $$")).exit_code == 139
    assert (await run("bash -c 'kill -KILL $$'; exit $?")).exit_code == 137


async def test_core_dumps_are_off(run: Run) -> None:
    assert (await run("ulimit -c")).head == "0\n"


async def test_pagers_and_editors_do_not_wait(run: Run) -> None:
    end = await run(
        "git log --oneline; git commit --amend --allow-empty --dry-run >/dev/null; echo $TERM", timeout_s=10.0
    )
    assert "Begin" in end.head
    assert end.head.endswith("dumb\n")


async def test_many_commands_at_once_have_each_their_own_output(run: Run) -> None:
    ends = await asyncio.gather(*(run(f"echo {number}; seq 2000 | tail -1") for number in range(12)))
    assert [end.head for end in ends] == [f"{number}\n2000\n" for number in range(12)]


async def test_no_descriptor_is_left_open(run: Run) -> None:
    await run("true")
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(5):
        await run("seq 50000")
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 1


async def _gone(survivors_of: Alive, needle: str) -> None:
    for _ in range(1000):
        if not survivors_of(f"sleep\0{needle}") and not survivors_of(f"yes\0{needle}"):
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"still alive: {survivors_of(needle)}")

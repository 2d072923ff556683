"""A server that one command started answers the next one, and nobody else."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from forkcli.engine.ports import Command, CommandEnd
from forkcli.workspace.base import open_workspace
from forkcli.workspace.plain import PlainWorkspace

Run = Callable[..., Awaitable[CommandEnd]]
PORT = 28173
SERVER = f"/usr/bin/env python3 -u -m http.server {PORT} --bind 127.0.0.1"
ASK = f"exec 3<>/dev/tcp/127.0.0.1/{PORT} && printf 'GET /README.md HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"


async def _answer(sh: Run) -> str:
    for _ in range(300):
        end = await sh(ASK)
        if end.exit_code == 0:
            return end.head
        await asyncio.sleep(0.05)
    return end.head


async def test_a_server_answers_the_agents_next_command_and_nobody_else(
    needs_sandbox: None, workspace: PlainWorkspace, sh: Run, project: Path
) -> None:
    assert workspace.sandbox == "bubblewrap"
    server = await workspace.start(Command(SERVER, str(project)))
    assert "# A project" in await _answer(sh)
    with socket.socket() as outside:
        assert outside.connect_ex(("127.0.0.1", PORT)) != 0
    other = open_workspace(project)
    running = await other.start(Command(ASK, str(project), timeout_s=10.0))
    assert (await running.wait()).exit_code != 0
    await other.close()
    server.kill()
    assert (await server.wait()).exit_code is None
    assert (await sh(ASK)).exit_code != 0


async def test_one_tmp_is_shared_by_an_agents_commands_and_by_nobody_else(
    needs_sandbox: None, sh: Run, project: Path
) -> None:
    first = await sh("echo mine > /tmp/a; mkdir /tmp/d; cd /tmp/d; echo other > /var/tmp/a")
    second = await sh("pwd; cat /tmp/a /var/tmp/a", cwd=first.cwd)
    assert second.head == "/tmp/d\nmine\nother\n"
    other = open_workspace(project)
    running = await other.start(Command("cat /tmp/a", str(project)))
    assert (await running.wait()).exit_code == 1
    await other.close()
    assert not Path("/var/tmp/a").exists()


async def test_a_holder_that_was_killed_is_replaced(needs_sandbox: None, workspace: PlainWorkspace, sh: Run) -> None:
    assert (await sh("echo a")).head == "a\n"
    assert workspace._containment is not None
    holder = workspace._containment._holder
    assert holder is not None
    subprocess.run(["kill", "-9", str(holder.pid)], check=True)
    holder._process.wait()
    assert (await sh("echo b")).head == "b\n"
    assert workspace._containment._holder is not holder


@pytest.mark.parametrize("way", ["kill", "exit"])
async def test_nothing_outlives_fork_however_it_ends(
    needs_sandbox: None, project: Path, survivors_of: Callable[[str], list[int]], way: str, nap: str
) -> None:
    code = f"""
import asyncio, os, signal, sys
from pathlib import Path
from forkcli.engine.ports import Command
from forkcli.workspace.base import open_workspace
async def main():
    workspace = open_workspace(Path({str(project)!r}))
    for script in ("sleep {nap}", "(setsid sleep {nap} &); sleep {nap}"):
        await workspace.start(Command(script, {str(project)!r}))
    await asyncio.sleep(0.5)
    print(workspace._containment._holder.pid, flush=True)
    if {way!r} == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(0)
asyncio.run(main())
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=False)
    holder = int(done.stdout)
    for _ in range(1000):
        if not survivors_of(f"sleep\0{nap}") and not Path(f"/proc/{holder}").exists():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"alive: {survivors_of(nap)}, holder {Path(f'/proc/{holder}').exists()}")

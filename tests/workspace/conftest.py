"""A workspace to act on, and a shell in it."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from overlay_kit import Fork, place

from forkcli.engine.ports import Command, CommandEnd
from forkcli.workspace.base import ForkWorkspace, open_fork, open_workspace
from forkcli.workspace.plain import PlainWorkspace

Run = Callable[..., Awaitable[CommandEnd]]


def _sandbox_works() -> bool:
    if shutil.which("bwrap") is None:
        return False
    argv = [
        "bwrap",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "true",
    ]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


SANDBOX_WORKS = _sandbox_works()


@pytest.fixture
def needs_sandbox() -> None:
    """Asked for by tests that need a working sandbox: without bubblewrap they say so instead of failing."""
    if not SANDBOX_WORKS:
        pytest.skip("bubblewrap is missing, or user namespaces are forbidden here")


@pytest.fixture
async def workspace(project: Path) -> AsyncIterator[PlainWorkspace]:
    opened = open_workspace(project, begin=False)
    yield opened
    await opened.close()


@pytest.fixture
def sh(workspace: PlainWorkspace) -> Run:
    """Runs a script: `await sh("ls", cwd=…, sandboxed=…, timeout_s=…)`."""

    async def run(script: str, on_output: Callable[[bytes], None] | None = None, **options: Any) -> CommandEnd:
        command = Command(script, **{"cwd": str(workspace.root), "timeout_s": 20.0, **options})
        return await (await workspace.start(command, on_output)).wait()

    return run


def alive(needle: str) -> list[int]:
    """Processes of this machine that have `needle` in their arguments, less the asking one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                arguments = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if needle.encode() in arguments:
                found.append(int(entry.name))
    return found


@pytest.fixture
def survivors_of() -> Callable[[str], list[int]]:
    return alive


@pytest.fixture
async def fork(project: Path) -> AsyncIterator[Fork]:
    """Opens forks: `fork("f1", of=…, access=…)`, by default of the main agent."""
    (project / ".fork/notes").mkdir(parents=True)
    (project / ".fork/.gitignore").write_text("*\n")
    main = open_workspace(project, begin=False)
    opened: list[ForkWorkspace] = []

    def make(name: str, of: PlainWorkspace | None = None, **options: Any) -> ForkWorkspace:
        opened.append(open_fork(of or main, place(project, name), **options))
        return opened[-1]

    yield make
    for one in reversed(opened):
        await one.close()
    await main.close()

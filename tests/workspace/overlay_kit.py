"""What tests of forks need: forks, commands in them, and a project's whole content to compare."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forkcli.engine.ports import Command, CommandEnd
from forkcli.workspace.base import ForkWorkspace
from forkcli.workspace.plain import PlainWorkspace

Fork = Callable[..., ForkWorkspace]


def git(folder: Path, *words: str) -> str:
    """Run real git in `folder`; its stdout."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def place(root: Path, name: str) -> Path:
    return root / ".fork/sessions/s/agents" / name / "layers"


async def sh(workspace: PlainWorkspace, script: str, **options: Any) -> CommandEnd:
    command = Command(script, **{"cwd": str(workspace.root), "timeout_s": 20.0, **options})
    return await (await workspace.start(command)).wait()


async def said(workspace: PlainWorkspace, script: str, **options: Any) -> str:
    end = await sh(workspace, script, **options)
    assert end.exit_code == 0, end.head
    return end.head


def listing(root: Path) -> dict[str, tuple[int, str]]:
    """Every path below a directory but `.fork`, with mode and content."""
    found = {}
    for folder, dirs, files in os.walk(root):
        if Path(folder) == root and ".fork" in dirs:
            dirs.remove(".fork")
        for name in (*dirs, *files):
            path = Path(folder, name)
            info = path.lstat()
            link = os.readlink(path) if path.is_symlink() else ""
            content = path.read_bytes().hex() if stat.S_ISREG(info.st_mode) else link
            found[str(path.relative_to(root))] = (info.st_mode, content)
    return found

"""A session that has answered a prompt, and whose files are to go back; and what lies in a folder."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from fork_kit import Den, den

from forkcli.app.going_back import GoingBack
from forkcli.core.entries import Checkpoint
from forkcli.core.file_plan import FilesPlan
from forkcli.core.ids import Seq
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.models.scripted import Reply, call, reply


def bash(command: str) -> Reply:
    return reply(call("bash", command=command))


def parts(home: Den) -> tuple[GoingBack, Agent, Rig]:
    assert home.session is not None
    return home.session.rewinding.files, home.session.agent, home.session.rig


def checkpoints(home: Den) -> list[Seq]:
    """Of the agent itself, not of its past."""
    _, agent, _ = parts(home)
    return [entry.seq for entry in agent.history.entries.own if isinstance(entry.body, Checkpoint)]


def paths(plan: FilesPlan) -> tuple[str, ...]:
    """Those that would go back."""
    return tuple(change.path for change in plan.changes)


def yours(plan: FilesPlan) -> tuple[str, ...]:
    """Those that the user or a job changed."""
    return tuple(change.path for change in plan.changes if change.yours)


async def noted(home: Den) -> None:
    """Until no snapshot is on its way any more."""
    assert home.session is not None
    await asyncio.gather(*home.session.merging.taking)


Then = Callable[[Den], Awaitable[None]]


def played(project: Path, script: list[Reply] | dict[str, list[Reply]], then: Then, **settings: object) -> Den:
    """A session that answers one prompt by `script`; then something is done with it."""

    async def run(home: Den) -> None:
        home.open()
        try:
            await home.turn()
            await noted(home)
            await then(home)
        finally:
            await home.close()

    with den(project, script if isinstance(script, dict) else {"main": script}, **settings) as home:
        asyncio.run(run(home))
        home.sound()
        return home


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file beneath a folder but git's and fork's: its permissions and kind, and its bytes or where it points."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.relative_to(folder).parts[0] not in {".git", ".fork"} and (path.is_symlink() or path.is_file()):
            data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(folder))] = (path.lstat().st_mode, data)
    return found

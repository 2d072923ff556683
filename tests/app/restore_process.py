"""A program for tests: opens a session, restores the files of its first checkpoint, and is killed on the way.

Usage: restore_process.py PROJECT SESSION PATH; it is killed when the file of that path in the project is back.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from forkcli.app.crew import Surroundings
from forkcli.app.parts import NobodyToAsk
from forkcli.app.session import Session, resume_session
from forkcli.config import Settings
from forkcli.core.entries import Checkpoint
from forkcli.core.ids import Seq, SessionId
from forkcli.engine.agent import Approvals
from forkcli.engine.patience import Patience
from forkcli.models.anthropic import AnthropicModel
from forkcli.store.scratch import Scratch
from forkcli.workspace.base import open_workspace


def first_checkpoint(session: Session) -> Seq:
    return next(entry.seq for entry in session.agent.history.entries if isinstance(entry.body, Checkpoint))


def die_with(path: Path) -> None:
    """Kill this process with SIGKILL at the first thing that it does after the file has changed."""
    before, looking = path.read_bytes(), False

    def audit(_event: str, _args: tuple[object, ...]) -> None:
        nonlocal looking
        if looking:
            return
        looking = True
        if path.read_bytes() != before:
            os.kill(os.getpid(), signal.SIGKILL)
        looking = False

    sys.addaudithook(audit)


async def main(project: Path, session: str) -> None:
    settings = Settings(cwd=project, project=project, base_url="http://127.0.0.1:9")
    model, workspace = AnthropicModel(api_key="test", base_url="http://127.0.0.1:9"), open_workspace(project)
    asked, emit = Approvals(NobodyToAsk()), list[object]().append
    around = Surroundings(settings, Scratch(project), model, workspace, asked, Patience(), emit)
    opened = resume_session(around, SessionId(session))
    await opened.rewinding.files.restore(opened.agent, opened.rig, first_checkpoint(opened))


if __name__ == "__main__":
    die_with(Path(sys.argv[1], sys.argv[3]))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

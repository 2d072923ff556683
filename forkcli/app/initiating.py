"""`fork init` from the shell: a run whose turn drafts AGENTS.md, and the answer to what came of it."""

import asyncio
import sys
from dataclasses import dataclass

from forkcli.app.drafting import Draft, accept, propose
from forkcli.app.oneshot import run
from forkcli.app.session import Session
from forkcli.config import Settings
from forkcli.core.decide import Finish
from forkcli.store.data import Kept
from forkcli.workspace.base import open_workspace


@dataclass(frozen=True, slots=True)
class Initiation:
    """What `fork init` came to: the exit code of its turn, and the draft if there is one."""

    code: int
    settings: Settings
    draft: Draft | None

    def accept(self) -> None:
        """Write the draft to the project. Raises ForkError."""
        workspace = open_workspace(self.settings.project, begin=False)
        try:
            if self.draft is not None:
                accept(workspace, self.draft)
        finally:
            asyncio.run(workspace.close())


def initiate(settings: Settings) -> Initiation:
    """Run the turn of `fork init`: what the agent says goes to standard error, since the diff is the output."""
    found: list[Draft] = []

    async def turn(session: Session, _data: Kept | None) -> Finish:
        end, draft = await propose(session, "argument")
        found.extend([draft] if draft else [])
        return end

    code = run(settings, None, turn=turn, out=sys.stderr)
    return Initiation(code, settings, found[0] if found else None)

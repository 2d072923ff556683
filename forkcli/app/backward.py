"""Going back from the shell: `fork rewind` and `fork report`, on a session that nobody else has open."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from forkcli.app.abandoning import Files
from forkcli.app.crew import Surroundings
from forkcli.app.family import go
from forkcli.app.parts import NobodyToAsk, build_model, limiter, unasked_model
from forkcli.app.session import Session, resume_session
from forkcli.app.wayback import Wayback
from forkcli.config import Settings
from forkcli.core.entries import Rewind
from forkcli.core.events import Event, Warned
from forkcli.core.ids import AgentId, Seq
from forkcli.engine.agent import Approvals
from forkcli.store.scratch import Scratch
from forkcli.ui.rewindable import RewindOrder, Rewound
from forkcli.ui.sanitize import one_line
from forkcli.workspace.base import open_workspace

LONGEST = 1000  # characters of a warning
BEYOND = 20  # things named that are not restored


@dataclass(frozen=True, slots=True)
class Back:
    """What going back came to. `undo` is the number that takes it back, `left` the agent that the stretch became."""

    session: str
    agent: AgentId
    to: Seq
    undo: Seq
    left: AgentId | None
    restored: tuple[str, ...]
    removed: tuple[str, ...]  # those of them that were not there then
    note: str


def rewind(
    settings: Settings, session: str | None, agent: str | None, number: str, *, files: Files, replace_edited: bool
) -> Back:
    """Take an agent back to entry `number`, before a prompt where it is a prompt's. Raises ForkError."""

    async def back(way: Wayback) -> Rewound:
        to = way.place(number, before=False)
        if files == "restore":
            _tell_beyond((await way.plan(to)).beyond)
        order = RewindOrder(
            to,
            "both" if files == "restore" else "conversation",
            "replace" if replace_edited else "stop",
            "adopt",
        )
        return await way.rewind(order)

    return _carried_out(settings, session, agent, back)


def report(settings: Settings, session: str | None, agent: str | None, number: str, text: str, *, files: Files) -> Back:
    """Take an agent back to checkpoint `number` with a report: `text`, or what it writes itself. Raises ForkError."""

    async def back(way: Wayback) -> Rewound:
        if files == "restore":
            _tell_beyond((await way.plan(way.number(number))).beyond)
        return await way.report(way.number(number), text, files=files)

    return _carried_out(settings, session, agent, back, asks_model=not text.strip())


def _carried_out(
    settings: Settings,
    session: str | None,
    agent: str | None,
    back: Callable[[Wayback], Awaitable[Rewound]],
    *,
    asks_model: bool = False,
) -> Back:
    scratch = Scratch(settings.project)
    scratch.ensure()  # after this its modes tell whose it is: see `check_session`
    chosen = scratch.find(session) if session is not None else scratch.newest()
    model = build_model(settings) if asks_model else unasked_model(settings)
    workspace = open_workspace(settings.project, settings.add_dirs)
    asked = Approvals(NobodyToAsk())
    around = Surroundings(settings, scratch, model, workspace, asked, limiter(interactive=False), _tell)

    async def run() -> Back:
        try:
            opened = resume_session(around, chosen, as_it_was=True)
            try:
                if agent is not None:
                    go(opened, agent)
                return _back(opened, await back(Wayback(opened)))
            finally:
                await opened.close()
        finally:
            await workspace.close()
            await model.close()

    return asyncio.run(run())


def _back(session: Session, rewound: Rewound) -> Back:
    done = session.agent.history.rewinds[-1].body
    assert isinstance(done, Rewind)
    assert rewound.undo is not None
    return Back(
        session.id, session.agent.id, done.to, rewound.undo, done.abandoned, done.restored, done.removed, rewound.note
    )


def _tell_beyond(beyond: tuple[str, ...]) -> None:
    """Say beforehand what does not go back."""
    more = [f"{len(beyond) - BEYOND} more are not restored"] if len(beyond) > BEYOND else []
    for line in [*(f"not restored: {one}" for one in beyond[:BEYOND]), *more]:
        sys.stderr.write(one_line(line, LONGEST) + "\n")


def _tell(event: Event) -> None:
    if isinstance(event, Warned):
        sys.stderr.write(one_line(f"warning: {event.text}", LONGEST) + "\n")

"""Rewinding on screen, from the list to what came of it: in which order what is asked. What it does is the rewinder's.

Invariant: the rewinder's `rewind` is called once at most, with an order that the user has made.
"""

import asyncio
from contextlib import suppress
from datetime import datetime

from forkcli.core.ids import Seq
from forkcli.errors import ForkError
from forkcli.ui.dialogue import Dialogue
from forkcli.ui.look import Look
from forkcli.ui.rewindable import Rewindables, Rewinder, Rewound
from forkcli.ui.rewindlist import RewindList
from forkcli.ui.rewindplan import PlanPanel

LOOK_S = 0.1  # between two looks at whether a row is seen whose files are not known


async def go_back(found: Rewindables, dialogue: Dialogue, look: Look) -> Rewound | None:
    """Ask where to and what, and go there; None when the user left it. Raises ForkError."""
    rewinder = found.rewinder
    listed = RewindList(found.rows, look, datetime.now().astimezone())
    while True:
        to = found.to if found.to is not None else await _picked(listed, rewinder, dialogue)
        if to is None:
            return None
        panel = PlanPanel(await rewinder.plan(to), look)
        await dialogue.browse(panel)
        if panel.order is not None:
            return await rewinder.rewind(panel.order)
        if found.to is not None or panel.left:
            return None
        listed.again()


async def _picked(listed: RewindList, rewinder: Rewinder, dialogue: Dialogue) -> Seq | None:
    """Where the user wants to go; meanwhile it is looked up what changed since what they see."""
    looking = asyncio.create_task(_look_up(listed, rewinder))
    try:
        await dialogue.browse(listed)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    return listed.picked


async def _look_up(listed: RewindList, rewinder: Rewinder) -> None:
    while True:
        to = listed.wanted()
        if to is None:
            await asyncio.sleep(LOOK_S)
            continue
        try:
            listed.tell(to, await rewinder.files(to))
        except ForkError:
            listed.tell(to, None)

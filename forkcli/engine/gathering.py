"""Waits for children, and answers the calls that ordered them: the same for those that are taken up again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from forkcli.core.decide import unreported
from forkcli.core.entries import Fork, Merge, ToolResult
from forkcli.core.ids import CallId
from forkcli.core.messages import text_block
from forkcli.core.reports import gathered
from forkcli.engine.agent import Agent
from forkcli.engine.bringing import bring, whole
from forkcli.engine.rig import Rig
from forkcli.engine.roster import Roster
from forkcli.engine.running import start

LOOK_S = 0.5  # how often an agent that waits for reports looks for other messages


async def gather(roster: Roster, parent: Agent, rig: Rig, calls: Sequence[CallId]) -> None:
    """Wait for the children of these calls, merge what they changed, and answer the calls."""
    forks = [call.made for key, call in parent.history.calls.items() if key in calls and call.made is not None]
    for fork in forks:
        start(roster, parent, rig, fork)
    try:
        for fork in forks:
            await _answer(roster, parent, rig, fork)
    except asyncio.CancelledError:
        if not roster.ending:
            for fork in forks:
                _answer_stopped(parent, fork)
        raise


def settle(parent: Agent) -> None:
    """Answer calls that made forks with what these have reported, since a prompt goes before waiting for them."""
    for fork in [call.made for call in parent.history.open_calls.values() if call.made is not None]:
        if fork.wait:
            _answer_stopped(parent, fork)
        else:
            answer_started(parent, fork)


async def next_report(roster: Roster, parent: Agent) -> bool:
    """Wait until a child that works in the background has reported, or for a moment; False if none runs."""
    roster.raise_broken()
    if not set(roster.running(parent)) & set(unreported(parent.history)):
        return False
    parent.woken.clear()
    async with roster.waiting(parent):
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await parent.woken.wait()
    return True


def answer_started(parent: Agent, fork: Fork) -> None:
    """Answer the call of a fork in the background."""
    if fork.call is not None and fork.call in parent.history.open_calls:
        names = ", ".join(child.agent for child in fork.children)
        told = f"Started: {names}. They work in the background; each report reaches you as a message when it ends."
        parent.record(ToolResult(fork.call, "fork", (text_block(told),)))


async def _answer(roster: Roster, parent: Agent, rig: Rig, fork: Fork) -> None:
    """Answer the call that made a fork: at once for one in the background, else when its children have ended."""
    if not fork.wait:
        answer_started(parent, fork)  # a crash came between the order and its answer
        return
    history = parent.history
    async with roster.waiting(parent):
        tasks = [roster.members[child.agent].task for child in fork.children if child.agent in roster.members]
        if tasks:
            await asyncio.wait(tasks)
    roster.raise_broken()
    for child in fork.children:
        if child.agent in history.reports:
            await whole(bring(roster.nursery, parent, rig, fork, history.reports[child.agent]))
    if fork.call is not None:
        text = gathered(fork, history.reports, history.merges)
        parent.record(ToolResult(fork.call, "fork", (text_block(text),)))


def _answer_stopped(parent: Agent, fork: Fork) -> None:
    """After a stop by the user: the call is answered with what its children had; their files stay with them."""
    history = parent.history
    if fork.call is None or fork.call not in history.open_calls:
        return
    trees = {report.agent for report in history.reports.values() if report.tree}
    kept = [child.agent for child in fork.children if child.agent in trees - set(history.merges)]
    text = gathered(fork, history.reports, {**history.merges, **{name: Merge(name, "kept") for name in kept}})
    parent.record(
        *(Merge(name, "kept") for name in kept),
        ToolResult(fork.call, "fork", (text_block(text),), is_error=True),
    )

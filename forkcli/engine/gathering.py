"""Waits for children, and answers the calls that ordered them: the same for those that are taken up again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from forkcli.core.decide import unreported
from forkcli.core.entries import Merge, Order, Spawn, ToolResult
from forkcli.core.events import Waiting
from forkcli.core.ids import AgentId, CallId
from forkcli.core.interview import interviewing
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
    orders = [call.made for key, call in parent.history.calls.items() if key in calls and call.made is not None]
    for order in orders:
        start(roster, parent, rig, order)
    try:
        for order in orders:
            await _answer(roster, parent, rig, order)
    except asyncio.CancelledError:
        if not roster.ending:
            for order in orders:
                _answer_stopped(parent, order)
        raise


def settle(parent: Agent) -> None:
    """Answer calls that made children with what these have reported, since a prompt goes before waiting for them."""
    for order in [call.made for call in parent.history.open_calls.values() if call.made is not None]:
        if order.wait:
            _answer_stopped(parent, order)
        else:
            answer_started(parent, order)


async def finished(roster: Roster, parent: Agent, rig: Rig, order: Order) -> None:
    """Wait until the children of an order that no call waits for have reported; those of an earlier process go on."""
    start(roster, parent, rig, order)
    await _ended(roster, parent, order)


async def _ended(roster: Roster, parent: Agent, order: Order) -> None:
    """Wait until the children of an order that run have ended."""
    async with roster.waiting(parent):
        names = tuple(child.agent for child in order.children if child.agent in roster.members)
        if names:
            parent.emit(Waiting(parent.id, names))
            await asyncio.wait([roster.members[name].task for name in names])
    roster.raise_broken()


async def next_report(roster: Roster, parent: Agent) -> bool:
    """Wait until a child that works in the background has reported, or for a moment; False if none runs."""
    roster.raise_broken()
    names = tuple(name for name in unreported(parent.history) if name in roster.running(parent))
    if not names:
        return False
    parent.emit(Waiting(parent.id, names))
    parent.woken.clear()
    async with roster.waiting(parent):
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await parent.woken.wait()
    return True


def answer_started(parent: Agent, order: Order) -> None:
    """Answer the call of children in the background."""
    if order.call is not None and order.call in parent.history.open_calls:
        names = ", ".join(child.agent for child in order.children)
        told = f"Started: {names}. Each works in the background; its report reaches you as a message."
        if isinstance(order, Spawn) and order.interview == "self":
            told += f" What {_new(order)[0]} asks reaches you as a message too, and it waits: answer with `send`."
        parent.record(ToolResult(order.call, order.TYPE, (text_block(told),)))


async def _answer(roster: Roster, parent: Agent, rig: Rig, order: Order) -> None:
    """Answer the call that made children: at once for one in the background, else when its children have ended."""
    if not order.wait:
        await _first_question(roster, parent, order)
        answer_started(parent, order)  # where nobody asks: a crash came between the order and its answer
        return
    history = parent.history
    await _ended(roster, parent, order)
    for child in order.children:
        if child.agent in history.reports:
            await whole(bring(roster.nursery, parent, rig, order, history.reports[child.agent]))
    if order.call is not None:
        text = gathered(order, history.reports, history.merges)
        parent.record(ToolResult(order.call, order.TYPE, (text_block(text),)))


async def _first_question(roster: Roster, parent: Agent, order: Order) -> None:
    """Wait until a spawned agent that its parent interviews itself has asked something, or is ready."""
    while (
        isinstance(order, Spawn) and order.interview == "self" and any(_may_ask(roster, name) for name in _new(order))
    ):
        parent.woken.clear()
        async with roster.waiting(parent):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await parent.woken.wait()


def _may_ask(roster: Roster, name: AgentId) -> bool:
    """Whether this agent is at its interview and has asked nothing yet."""
    member = roster.members.get(name)
    if member is None or member.asked or member.over:
        return False
    return member.agent is None or interviewing(member.agent.history)


def _new(order: Spawn) -> list[AgentId]:
    """The agents that are interviewed."""
    return [order.onboarded] if order.onboarded else [child.agent for child in order.children]


def _answer_stopped(parent: Agent, order: Order) -> None:
    """After a stop by the user: the call is answered with what its children had; their files stay with them."""
    history = parent.history
    if order.call is None or order.call not in history.open_calls:
        return
    trees = {report.agent for report in history.reports.values() if report.tree}
    kept = [child.agent for child in order.children if child.agent in trees - set(history.merges)]
    text = gathered(order, history.reports, {**history.merges, **{name: Merge(name, "kept") for name in kept}})
    parent.record(
        *(Merge(name, "kept") for name in kept),
        ToolResult(order.call, order.TYPE, (text_block(text),), is_error=True),
    )

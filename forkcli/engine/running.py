"""Runs the children of an order: from the task that makes one to the report that it ends with.

What a child does is in its own history, its report in its parent's. A failure is a report too.
"""

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import replace

from forkcli.core.entries import Child, Fork, Order, Report
from forkcli.core.forking import report_of
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq
from forkcli.engine.agent import Agent
from forkcli.engine.bringing import bring
from forkcli.engine.brood import Brood, Member
from forkcli.engine.gate import Gate, hold_s
from forkcli.engine.interviewing import NEVER_BEGAN, READY, STATUS, keep_report, onboard, onboarded_child, turns
from forkcli.engine.rig import Rig
from forkcli.engine.roster import Roster
from forkcli.errors import ForkError


def start(
    roster: Roster,
    parent: Agent,
    rig: Rig,
    order: Order,
    past: History | None = None,
    *,
    among: Collection[AgentId] | None = None,
) -> None:
    """Start the children of an order, or those `among` some, that have not reported and do not run."""
    known = {*parent.history.reports, *roster.members}
    wanted = [child for child in order.children if among is None or child.agent in among]
    children = [child for child in wanted if child.agent not in known]
    if not children:
        return
    brood = _brood(roster, parent, rig, order, past)
    for child in children:
        member = roster.members[child.agent] = Member(brood, child)
        _begun(roster, member, _run(roster, brood, child))


def _brood(roster: Roster, parent: Agent, rig: Rig, order: Order, past: History | None) -> Brood:
    """What the children of an order have in common. One that is onboarded for them begins at once."""
    if isinstance(order, Fork):
        past = past or shared_past(roster, parent, order.from_seq)
        return Brood(parent, rig, order, past, _gate(roster, parent, past))
    brood = Brood(parent, rig, order, History(), Gate(0))
    first = onboarded_child(order)
    if first is not None:
        member = roster.members[first.agent] = Member(brood, first)
        brood.onboarding = _begun(roster, member, onboard(roster, brood, order, member))
    return brood


def _gate(roster: Roster, parent: Agent, past: History) -> Gate:
    """What the children of an order wait for: where another order's of the same parent wait, the same as these."""
    held = hold_s(past, roster.now())
    gates = (one.brood.gate for one in roster.members.values() if one.parent is parent and one.brood.gate.holds)
    return next(gates, Gate(held)) if held else Gate(0)


def _begun(roster: Roster, member: Member, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
    """The task that a member is at work in."""
    member.task = asyncio.create_task(work, name=f"agent {member.child.agent}")
    member.task.add_done_callback(roster.look_at)
    return member.task


def shared_past(roster: Roster, parent: Agent, seq: Seq) -> History:
    """What forks of `parent` at entry `seq` share; the same value for all that run."""
    for member in roster.members.values():
        order = member.brood.order
        if member.parent is parent and isinstance(order, Fork) and order.from_seq == seq:
            return member.brood.past
    return parent.history.forked(seq)


async def _run(roster: Roster, brood: Brood, child: Child) -> None:
    """Run one child to its end and record its report. A failure is a report too, and costs nobody else anything."""
    parent = brood.parent
    try:
        report = await _worked(roster, roster.members[child.agent])
        if report is not None:
            if parent.history.by_message(child.agent):
                await bring(roster.nursery, parent, brood.rig, brood.order, report)
            parent.record(report)
    except asyncio.CancelledError:
        _never_began(roster, brood, child)
    finally:
        brood.gate.leave(child.agent)
        roster.members.pop(child.agent, None)
        parent.woken.set()


async def _worked(roster: Roster, member: Member) -> Report | None:
    """A child's report, when it has its place; first of all its onboarding, if it shares one, must be over."""
    brood, name = member.brood, member.child.agent
    if brood.onboarding is not None:
        await asyncio.wait([brood.onboarding])
        if brood.past.agent is None:
            return replace(brood.unready, agent=name) if brood.unready is not None else None
    try:
        await roster.places.take(name)
        member.begun = True
        return await _report(roster, member)
    finally:
        roster.places.give(name)


def _never_began(roster: Roster, brood: Brood, child: Child) -> None:
    """It was stopped while it waited for a place; by the user, that is its report."""
    stop = roster.members[child.agent].stop
    if stop is not None and stop.by == "user" and not roster.ending:
        brood.parent.record(Report(child.agent, "stopped", NEVER_BEGAN))


async def _report(roster: Roster, member: Member) -> Report | None:
    """Make the child, run its turn, close it; None where it is to be taken up again with the session."""
    brood, child = member.brood, member.child
    parent, order, nursery = brood.parent, brood.order, roster.nursery
    try:
        agent, own = await nursery.hatch(parent, brood.rig, order, child, brood.past)
    except ForkError as error:
        return Report(child.agent, "failed", f"({error.sentence})")
    member.agent, member.rig = agent, own
    own.gate = brood.gate
    end = await turns(roster, member, agent, own)
    member.over = True
    if roster.ending:
        await nursery.leave(agent, own)
        return None
    problems = [end.sentence] if end.status not in READY and end.sentence else []
    tree = ""
    try:
        tree = await nursery.end(parent, brood.rig, agent, own, order)
    except ForkError as error:
        problems.append(f"its files could not be brought together: {error.sentence}")
    report = report_of(agent.history, STATUS.get(end.status, "failed"), tree)
    said = [report.text] if report.steps or not problems else []
    report = replace(report, text="\n\n".join([*said, *(f"({problem})" for problem in problems)]))
    keep_report(agent, report)
    return report

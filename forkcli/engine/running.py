"""Runs the children of an order: from the task that makes one to the report that it ends with.

What a child does is in its own history, its report in its parent's. A failure is a report too.
"""

import asyncio
from dataclasses import replace

from forkcli.core.decide import Finish
from forkcli.core.entries import Child, ChildStatus, Interrupt, Order, Report
from forkcli.core.events import TurnStatus, Warned
from forkcli.core.forking import report_of
from forkcli.core.history import History
from forkcli.core.ids import Seq
from forkcli.core.sharing import CACHE_LIVES_S, SMALL, asleep_s, fresh_tokens
from forkcli.engine.agent import Agent
from forkcli.engine.bringing import bring
from forkcli.engine.brood import Brood, Member
from forkcli.engine.gate import COLD_S, WARM_S, Gate
from forkcli.engine.rig import Rig
from forkcli.engine.roster import Roster
from forkcli.errors import ForkError

NEVER_BEGAN = "(it was stopped before it began)"

_STATUS: dict[TurnStatus, ChildStatus] = {"done": "done", "limit": "limit", "interrupted": "stopped"}


def start(roster: Roster, parent: Agent, rig: Rig, order: Order, past: History | None = None) -> None:
    """Start the children of an order that have not reported and do not run."""
    known = {*parent.history.reports, *parent.history.let_go, *roster.members}
    children = [child for child in order.children if child.agent not in known]
    if not children:
        return
    past = past or shared_past(roster, parent, order.from_seq)
    brood = Brood(parent, rig, order, past, Gate(_hold_s(roster, past) if len(children) > 1 else 0))
    for child in children:
        task = asyncio.create_task(_run(roster, brood, child), name=f"agent {child.agent}")
        task.add_done_callback(roster.look_at)
        roster.members[child.agent] = Member(brood, child, task)


def shared_past(roster: Roster, parent: Agent, seq: Seq) -> History:
    """What forks of `parent` at entry `seq` share; the same value for all that run."""
    for member in roster.members.values():
        if member.parent is parent and member.brood.order.from_seq == seq:
            return member.brood.past
    return parent.history.forked(seq)


def _hold_s(roster: Roster, past: History) -> float:
    """How long siblings wait for the first one: not at all where nothing worth sharing has to be written."""
    if asleep_s(past, roster.now()) >= CACHE_LIVES_S:
        return COLD_S
    return WARM_S if fresh_tokens(past) > SMALL else 0


async def _run(roster: Roster, brood: Brood, child: Child) -> None:
    """Run one child to its end and record its report. A failure is a report too, and costs nobody else anything."""
    parent = brood.parent
    try:
        try:
            await roster.places.take(child.agent)
            member = roster.members[child.agent]
            member.begun = True
            report = await _report(roster, member)
        finally:
            roster.places.give(child.agent)
        if report is not None:
            if not brood.order.wait:
                await bring(roster.nursery, parent, brood.rig, brood.order, report)
            parent.record(report)
    except asyncio.CancelledError:
        _never_began(roster, brood, child)
    finally:
        brood.gate.leave(child.agent)
        roster.members.pop(child.agent, None)
        parent.woken.set()


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
    end = await _turn(roster, member, agent, own)
    member.over = True
    if roster.ending:
        await nursery.leave(agent, own)
        return None
    problems = [end.sentence] if end.status not in {"done", "limit"} and end.sentence else []
    tree = ""
    try:
        tree = await nursery.end(parent, brood.rig, agent, own, order)
    except ForkError as error:
        problems.append(f"its files could not be brought together: {error.sentence}")
    report = report_of(agent.history, _STATUS.get(end.status, "failed"), tree)
    said = [report.text] if report.steps or not problems else []
    report = replace(report, text="\n\n".join([*said, *(f"({problem})" for problem in problems)]))
    _keep_report(agent, report)
    return report


async def _turn(roster: Roster, member: Member, agent: Agent, own: Rig) -> Finish:
    """The child's turn; a failure of its own files ends it alone."""
    try:
        if member.stop is not None:
            agent.record(Interrupt(member.stop.by, member.stop.reason))
            return Finish("interrupted", member.stop.reason)
        return await roster.run_turn(agent, own)
    except ForkError as error:
        return Finish("failed", error.sentence)


def _keep_report(agent: Agent, report: Report) -> None:
    """Its text as a file beside its history: a copy, so that failing to write it fails nothing."""
    try:
        agent.files.write_report(report.text)
    except ForkError as error:
        agent.emit(Warned(agent.id, f"{error.sentence}; the report itself is in its parent's history"))

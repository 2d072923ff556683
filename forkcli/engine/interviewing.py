"""The turns of a child, an interview included: an agent gets ready, for its own task or for the workers it becomes.

An interview's outcome is in histories before it counts: a brief and then a task in the agent's own, or, where it was
onboarded for several tasks, the order that makes its workers. A process that starts again reads off how far it came.
"""

import asyncio
from dataclasses import replace

from forkcli.core.decide import Finish
from forkcli.core.entries import Child, ChildStatus, Interrupt, Report, Spawn
from forkcli.core.events import TurnStatus, Warned
from forkcli.core.forking import report_of
from forkcli.core.history import History
from forkcli.core.interview import interviewing
from forkcli.core.spawning import title_of, workers, workers_of
from forkcli.engine.agent import Agent
from forkcli.engine.brood import Brood, Member
from forkcli.engine.gate import Gate, hold_s
from forkcli.engine.rig import Rig
from forkcli.engine.roster import Roster
from forkcli.errors import ForkError

STATUS: dict[TurnStatus, ChildStatus] = {"done": "done", "limit": "limit", "interrupted": "stopped"}
NEVER_BEGAN = "(it was stopped before it began)"
READY = frozenset({"done", "limit"})  # how an interview ends after which there is work


async def turns(roster: Roster, member: Member, agent: Agent, own: Rig) -> Finish:
    """A child's turn; of a spawned agent that was interviewed, its task follows in another one."""
    end = await _turn(roster, member, agent, own)
    order = member.brood.order
    if not isinstance(order, Spawn) or not interviewing(agent.history):
        return end
    if end.status not in READY or roster.ending or member.stop is not None:
        return end
    try:
        agent.record(roster.nursery.begin(member.parent, order, member.child))
    except ForkError as error:
        return Finish("failed", error.sentence)
    return await _turn(roster, member, agent, own)


async def onboard(roster: Roster, brood: Brood, spawn: Spawn, member: Member) -> None:
    """Interview the agent that is onboarded for all tasks of an order; `brood.past` is then what its workers share.

    Where it does not get ready, `brood.unready` is what its workers report.
    """
    name, parent = member.child.agent, brood.parent
    try:
        await roster.places.take(name)
        member.begun = True
        report = await _onboarded(roster, brood, spawn, member)
    except asyncio.CancelledError:  # stopped while it waited for a place
        by_user = member.stop is not None and member.stop.by == "user" and not roster.ending
        report = Report(name, "stopped", NEVER_BEGAN) if by_user else None
    finally:
        roster.places.give(name)
        roster.members.pop(name, None)
        parent.woken.set()
    if report is None:
        return
    if brood.past.agent is None:
        brood.unready = replace(
            report, text=f"(it did not begin: {name}, which was to be onboarded for it, {_why(report)})"
        )
    if name not in parent.history.reports:
        parent.record(report)


async def _onboarded(roster: Roster, brood: Brood, spawn: Spawn, member: Member) -> Report | None:
    """Make the agent, or open it where it was left; its report, None where it is to be taken up with the session."""
    parent, nursery, name = brood.parent, roster.nursery, member.child.agent
    try:
        agent, own = await nursery.hatch(parent, brood.rig, spawn, member.child, History())
    except ForkError as error:
        return Report(name, "failed", f"({error.sentence})")
    member.agent, member.rig = agent, own
    end = Finish("done")
    if workers_of(agent.history) is None:
        end = await _turn(roster, member, agent, own)
        if end.status in READY and not roster.ending:
            agent.record(workers(agent.history, spawn))
    member.over = True
    if roster.ending:
        await nursery.leave(agent, own)
        return None
    await nursery.end(parent, brood.rig, agent, own, spawn)
    ready = workers_of(agent.history)
    if ready is not None:
        brood.past = agent.history.forked(ready.from_seq)
        brood.gate = Gate(hold_s(brood.past, roster.now()) if len(spawn.children) > 1 else 0)
    report = report_of(agent.history, STATUS.get(end.status, "failed"))
    if end.sentence and end.status not in READY:
        report = replace(report, text=f"{report.text}\n\n({end.sentence})" if report.steps else f"({end.sentence})")
    keep_report(agent, report)
    return report


def onboarded_child(spawn: Spawn) -> Child | None:
    """The agent that is onboarded for all tasks, as a child; None where each gets ready for itself."""
    return Child(spawn.onboarded, title_of(spawn), "read") if spawn.onboarded else None


def keep_report(agent: Agent, report: Report) -> None:
    """Its text as a file beside its history: a copy, so that failing to write it fails nothing."""
    try:
        agent.files.write_report(report.text)
    except ForkError as error:
        agent.emit(Warned(agent.id, f"{error.sentence}; the report itself is in its parent's history"))


async def _turn(roster: Roster, member: Member, agent: Agent, own: Rig) -> Finish:
    """One turn; a failure of its own files ends it alone."""
    try:
        if member.stop is not None:
            agent.record(Interrupt(member.stop.by, member.stop.reason))
            return Finish("interrupted", member.stop.reason)
        return await roster.run_turn(agent, own)
    except ForkError as error:
        return Finish("failed", error.sentence)


def _why(report: Report) -> str:
    """Why somebody did not get ready, in a clause."""
    last = report.text.rsplit("\n\n", 1)[-1].strip("()")
    return "was stopped" if report.status == "stopped" else f"failed: {last}"

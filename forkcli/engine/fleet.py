"""The agents of a session that run at the same time: orders forks, runs them within bounds, gathers their reports.

Every fact is in a history before it counts: the order in the parent's, what a child does in its own, its report in the
parent's. So gathering is the same whether the children just began or are taken up again after a crash.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from forkcli.core.decide import Finish
from forkcli.core.entries import Child, ChildStatus, Fork, Interrupt, Merge, Report, ToolResult
from forkcli.core.events import TurnStatus, Warned
from forkcli.core.forking import report_of
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import text_block
from forkcli.core.reports import gathered
from forkcli.core.sharing import CACHE_LIVES_S, SMALL, asleep_s, fresh_tokens
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.brood import Bounds, Brood, Member, Nursery, RunTurn
from forkcli.engine.gate import COLD_S, WARM_S, Gate
from forkcli.engine.places import Places
from forkcli.engine.ports import ForkOrder
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind

END_S = 1.5  # how long children that are stopped may take to put down what they have
LOOK_S = 0.5  # how often an agent that waits for reports looks for other messages

NEVER_BEGAN = "(it was stopped before it began)"

_STATUS: dict[TurnStatus, ChildStatus] = {"done": "done", "limit": "limit", "interrupted": "stopped"}


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Fleet:
    """All children of a session that run in this process."""

    nursery: Nursery
    run_turn: RunTurn
    bounds: Bounds = field(default_factory=Bounds)
    next_number: int = 1  # of the ids f1, s2, …: one counter for the session
    now: Callable[[], datetime] = utc_now
    members: dict[AgentId, Member] = field(default_factory=dict)
    places: Places = field(init=False)
    ending: bool = False  # a signal or a limit ends fork: children that stop now have not reported
    broken: BaseException | None = None  # why a child could not even report: whoever waits is told

    def __post_init__(self) -> None:
        self.places = Places(self.bounds.parallel)

    # --- ordering -------------------------------------------------------------------------------------------------

    async def order(self, parent: Agent, rig: Rig, call: CallId | None, wanted: ForkOrder) -> None:
        """Put a fork on record and start it. Raises ForkError beyond a bound: then none starts."""
        self._check(parent, len(wanted.tasks))
        history = parent.history
        children = tuple(Child(self._next(), task.task, task.access, task.max_steps) for task in wanted.tasks)
        self.nursery.reserve([child.agent for child in children])
        from_seq = _of_the_same_answer(history, call) or history.entries[-1].seq
        past = self._past(parent, from_seq)
        fork = Fork(children, from_seq, call, wanted.wait, wanted.merge)
        parent.record(fork)
        self.nursery.ordered(parent, rig, fork)
        self.start(parent, rig, fork, past)
        if not wanted.wait:
            _answer_started(parent, fork)

    def allot(self, parent: Agent) -> AgentId:
        """The id of one more fork of `parent`. Raises ForkError beyond a bound."""
        self._check(parent, 1)
        name = self._next()
        self.nursery.reserve([name])
        return name

    def _next(self) -> AgentId:
        self.next_number += 1
        return AgentId(f"f{self.next_number - 1}")

    def _check(self, parent: Agent, count: int) -> None:
        above = parent.history.agent
        if above is not None and above.depth >= self.bounds.depth:
            raise ForkError(
                f"forks are at most {self.bounds.depth} deep, and this agent is that deep", "do the tasks yourself"
            )
        if self.next_number + count > self.bounds.agents:
            left = max(self.bounds.agents - self.next_number, 0)
            raise ForkError(
                f"a session has at most {self.bounds.agents} agents (--max-agents): {left} more can start, not {count}",
                "none was started; give fewer tasks, or do them yourself",
            )

    def revive(self, parent: Agent, rig: Rig) -> None:
        """Take up again the children in the background that have not reported: those that a crash cut short."""
        for fork in dict.fromkeys(parent.history.forks.values()):
            if not fork.wait:
                self.start(parent, rig, fork)

    # --- running --------------------------------------------------------------------------------------------------

    def start(self, parent: Agent, rig: Rig, fork: Fork, past: History | None = None) -> None:
        """Start the children of a fork that have not reported and do not run."""
        known = {*parent.history.reports, *self.members}
        children = [child for child in fork.children if child.agent not in known]
        if not children:
            return
        past = past or self._past(parent, fork.from_seq)
        brood = Brood(parent, rig, fork, past, Gate(self._hold_s(past) if len(children) > 1 else 0))
        for child in children:
            task = asyncio.create_task(self._run(brood, child), name=f"agent {child.agent}")
            task.add_done_callback(self._look_at)
            self.members[child.agent] = Member(brood, child, task)

    def _past(self, parent: Agent, seq: Seq) -> History:
        """What forks of `parent` at entry `seq` share; the same value for all that run."""
        for member in self.members.values():
            if member.parent is parent and member.brood.fork.from_seq == seq:
                return member.brood.past
        return parent.history.forked(seq)

    def _hold_s(self, past: History) -> float:
        """How long siblings wait for the first one: not at all where nothing worth sharing has to be written."""
        if asleep_s(past, self.now()) >= CACHE_LIVES_S:
            return COLD_S
        return WARM_S if fresh_tokens(past) > SMALL else 0

    async def _run(self, brood: Brood, child: Child) -> None:
        """Run one child to its end and record its report. A failure is a report too, and costs nobody else anything."""
        parent = brood.parent
        try:
            try:
                await self.places.take(child.agent)
                member = self.members[child.agent]
                member.begun = True
                report = await self._report(member)
            finally:
                self.places.give(child.agent)
            if report is not None:
                if not brood.fork.wait:
                    await self._merge(parent, brood.rig, brood.fork, report)
                parent.record(report)
        except asyncio.CancelledError:
            self._never_began(brood, child)
        finally:
            brood.gate.leave(child.agent)
            self.members.pop(child.agent, None)
            parent.woken.set()

    def _look_at(self, task: "asyncio.Task[None]") -> None:
        """Keep why a child could not report, until somebody who waits can be told."""
        if not task.cancelled() and self.broken is None:
            self.broken = task.exception()

    def _never_began(self, brood: Brood, child: Child) -> None:
        """It was stopped while it waited for a place; by the user, that is its report."""
        stop = self.members[child.agent].stop
        if stop is not None and stop.by == "user" and not self.ending:
            brood.parent.record(Report(child.agent, "stopped", NEVER_BEGAN))

    async def _report(self, member: Member) -> Report | None:
        """Make the child, run its turn, close it; None where it is to be taken up again with the session."""
        brood, child = member.brood, member.child
        parent, fork = brood.parent, brood.fork
        try:
            agent, own = await self.nursery.hatch(parent, brood.rig, fork, child, brood.past)
        except ForkError as error:
            return Report(child.agent, "failed", f"({error.sentence})")
        member.agent, member.rig = agent, own
        own.gate = brood.gate
        end = await self._turn(member, agent, own)
        if self.ending:
            await self.nursery.leave(agent, own)
            return None
        problems = [end.sentence] if end.status not in {"done", "limit"} and end.sentence else []
        tree = ""
        try:
            tree = await self.nursery.end(parent, brood.rig, agent, own, fork)
        except ForkError as error:
            problems.append(f"its files could not be brought together: {error.sentence}")
        report = report_of(agent.history, _STATUS.get(end.status, "failed"), tree)
        said = [report.text] if report.steps or not problems else []
        report = replace(report, text="\n\n".join([*said, *(f"({problem})" for problem in problems)]))
        _keep_report(agent, report)
        return report

    async def _turn(self, member: Member, agent: Agent, own: Rig) -> Finish:
        """The child's turn; a failure of its own files ends it alone."""
        try:
            if member.stop is not None:
                agent.record(Interrupt(member.stop.by, member.stop.reason))
                return Finish("interrupted", member.stop.reason)
            return await self.run_turn(agent, own)
        except ForkError as error:
            return Finish("failed", error.sentence)

    # --- gathering ------------------------------------------------------------------------------------------------

    async def gather(self, parent: Agent, rig: Rig, calls: Sequence[CallId]) -> None:
        """Wait for the children of these calls, merge what they changed, and answer the calls."""
        forks = [fork for fork in dict.fromkeys(parent.history.forks.values()) if fork.call in calls]
        for fork in forks:
            self.start(parent, rig, fork)
        try:
            for fork in forks:
                await self._answer(parent, rig, fork)
        except asyncio.CancelledError:
            if not self.ending:
                for fork in forks:
                    _answer_stopped(parent, fork)
            raise

    def settle(self, parent: Agent) -> None:
        """Answer calls that made forks with what these have reported, since a prompt goes before waiting for them."""
        for fork in dict.fromkeys(parent.history.forks.values()):
            if fork.wait:
                _answer_stopped(parent, fork)
            else:
                _answer_started(parent, fork)

    async def _answer(self, parent: Agent, rig: Rig, fork: Fork) -> None:
        """Answer the call that made a fork: at once for one in the background, else when its children have ended."""
        if not fork.wait:
            _answer_started(parent, fork)  # a crash came between the order and its answer
            return
        history = parent.history
        async with self._waiting(parent):
            tasks = [self.members[child.agent].task for child in fork.children if child.agent in self.members]
            if tasks:
                await asyncio.wait(tasks)
        self._raise_broken()
        for child in fork.children:
            if child.agent in history.reports:
                await _whole(self._merge(parent, rig, fork, history.reports[child.agent]))
        if fork.call is not None:
            text = gathered(fork, history.reports, history.merges)
            parent.record(ToolResult(fork.call, "fork", (text_block(text),)))

    async def _merge(self, parent: Agent, rig: Rig, fork: Fork, report: Report) -> None:
        """Merge what one child changed, once. Half-done work stays with it; a failure costs the others nothing."""
        if report.agent in parent.history.merges or not report.tree:
            return
        untouched = report.tree == parent.history.trees.get(fork.from_seq)
        merge: Merge | None = Merge(report.agent, "nothing" if untouched else "kept")
        if report.status in {"done", "limit"}:
            try:
                merge = await self.nursery.merge(parent, rig, fork, report)
            except ForkError as error:
                if error.kind is Kind.STORAGE:
                    raise
                parent.emit(Warned(parent.id, f"the files of {report.agent} were not merged: {error.sentence}"))
        if merge is not None:
            parent.record(merge)

    async def merge(self, parent: Agent, rig: Rig, name: str, tree: str = "") -> Merge:
        """Bring the files of a child that kept them (or was in conflict) into its parent's. Raises ForkError.

        `tree` is a snapshot of them as they are now, where the child has gone on since its report.
        """
        history = parent.history
        child = AgentId(name)
        fork, report = history.forks.get(child), history.reports.get(child)
        if fork is None:
            raise ForkError(f"{parent.id} has no fork {name!r}", f"its forks: {', '.join(history.forks) or 'none'}")
        if report is None:
            raise ForkError(f"{name} has not ended yet", "its files can be merged when it has reported")
        before = history.merges.get(child)
        if before is not None and before.outcome == "merged":
            raise ForkError(f"the files of {name} were merged already")
        report = replace(report, tree=tree or report.tree)
        if not report.tree:
            raise ForkError(f"the fork {name} has no files of its own")
        merge = await self.nursery.bring(parent, rig, fork, report)
        parent.record(merge)
        return merge

    async def next_report(self, parent: Agent) -> bool:
        """Wait until a child that works in the background has reported, or for a moment; False if none runs."""
        self._raise_broken()
        if not self.running(parent):
            return False
        parent.woken.clear()
        async with self._waiting(parent):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await parent.woken.wait()
        return True

    @asynccontextmanager
    async def _waiting(self, parent: Agent) -> AsyncIterator[None]:
        """While this lasts the agent waits for children: it holds no place, and a stop of its own stops them too."""
        try:
            async with self.places.lent(parent.id):
                yield
        except asyncio.CancelledError:
            await self.halt(parent, parent.stop or Stop("signal"))
            raise

    def _raise_broken(self) -> None:
        if self.broken is not None:
            raise self.broken

    def running(self, parent: Agent) -> list[AgentId]:
        """Children of this agent that run."""
        return [name for name, member in self.members.items() if member.parent is parent]

    # --- stopping -------------------------------------------------------------------------------------------------

    def stop(self, name: AgentId, stop: Stop) -> bool:
        """Stop one child, and its own children; it reports what it has. False if it does not run."""
        member = self.members.get(name)
        if member is None:
            return False
        member.halt(stop)
        return True

    async def halt(self, parent: Agent, stop: Stop) -> None:
        """Stop the children of an agent, and theirs; each reports what it has."""
        self.ending = self.ending or stop.by != "user"
        await self._halt([member for member in self.members.values() if member.parent is parent], stop)

    async def close(self) -> None:
        """Stop all children, since fork ends: what they have done is on disk, and they are taken up again with it."""
        self.ending = True
        await self._halt(list(self.members.values()), Stop("signal", "fork was ended"))

    async def _halt(self, members: Sequence[Member], stop: Stop) -> None:
        for member in members:
            member.halt(stop)
        if members:
            await asyncio.wait([member.task for member in members], timeout=END_S)


def _of_the_same_answer(history: History, call: CallId | None) -> Seq | None:
    """Where an earlier `fork` call of the same answer began: all of them share the same past."""
    if call is None:
        return None
    return next((fork.from_seq for fork in history.forks.values() if fork.call in history.calls), None)


def _answer_started(parent: Agent, fork: Fork) -> None:
    """Answer the call of a fork in the background."""
    if fork.call is not None and fork.call in parent.history.open_calls:
        names = ", ".join(child.agent for child in fork.children)
        told = f"Started: {names}. They work in the background; each report reaches you as a message when it ends."
        parent.record(ToolResult(fork.call, "fork", (text_block(told),)))


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


async def _whole(work: Coroutine[None, None, None]) -> None:
    """Carry out work that a stop must not cut: it ends, then the stop goes on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _keep_report(agent: Agent, report: Report) -> None:
    """Its text as a file beside its history: a copy, so that failing to write it fails nothing."""
    try:
        agent.files.write_report(report.text)
    except ForkError as error:
        agent.emit(Warned(agent.id, f"{error.sentence}; the report itself is in its parent's history"))

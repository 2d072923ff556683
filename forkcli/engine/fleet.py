"""The agents of a session that run at the same time: orders forks, runs them within bounds, gathers their reports.

Every fact is in a history before it counts: the order in the parent's, what a child does in its own, its report in the
parent's. So gathering is the same whether the children just began or are taken up again after a crash.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from forkcli.core.decide import Finish
from forkcli.core.entries import Child, ChildStatus, Fork, Merge, Report, ToolResult
from forkcli.core.events import TurnStatus, Warned
from forkcli.core.forking import gathered, report_of
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import text_block
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.gate import Gate
from forkcli.engine.ports import ForkOrder
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind

END_S = 5.0  # how long children that are stopped may take to put down what they have

_STATUS: dict[TurnStatus, ChildStatus] = {"done": "done", "limit": "limit", "interrupted": "stopped"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a session: agents in all (the root counted), at the same time, and forks above each other."""

    agents: int = 128
    parallel: int = 16
    depth: int = 4


class Nursery(Protocol):
    """Makes and wakes the agents that a fleet runs; `app` fills it."""

    def ordered(self, parent: Agent, rig: Rig, fork: Fork) -> None:
        """A fork is on record: begin to note what the files were at that moment."""
        ...

    async def hatch(self, parent: Agent, rig: Rig, fork: Fork, child: Child) -> tuple[Agent, Rig]:
        """A child ready to run: made with its opening entries, or opened again where it was left."""
        ...

    async def end(self, parent: Agent, above: Rig, child: Agent, rig: Rig, fork: Fork) -> str:
        """Close a child that has ended; returns the id of the snapshot of its files, empty without files of its own."""
        ...

    async def merge(self, parent: Agent, rig: Rig, fork: Fork, report: Report) -> Merge | None:
        """Bring a child's files into its parent's workspace; None for a child that has none of its own."""
        ...

    async def bring(self, parent: Agent, rig: Rig, fork: Fork, report: Report) -> Merge:
        """The same, also for a child that was to keep them."""
        ...


class RunTurn(Protocol):
    """The loop: `engine.loop.run_turn`, handed in since the loop itself starts agents."""

    async def __call__(self, agent: Agent, rig: Rig) -> Finish: ...


@dataclass(slots=True)
class Member:
    """A child that runs."""

    parent: Agent
    fork: Fork
    child: Child
    task: "asyncio.Task[None]"
    agent: Agent | None = None
    rig: Rig | None = None


@dataclass(slots=True)
class Fleet:
    """All children of a session that run in this process."""

    nursery: Nursery
    run_turn: RunTurn
    bounds: Bounds = field(default_factory=Bounds)
    next_number: int = 1  # of the ids f1, s2, …: one counter for the session
    members: dict[AgentId, Member] = field(default_factory=dict)
    places: asyncio.Semaphore = field(init=False)
    ending: bool = False  # a signal or a limit ends fork: children that stop now have not reported

    def __post_init__(self) -> None:
        self.places = asyncio.Semaphore(self.bounds.parallel)

    # --- ordering -------------------------------------------------------------------------------------------------

    async def order(self, parent: Agent, rig: Rig, call: CallId | None, wanted: ForkOrder) -> None:
        """Put a fork on record and, unless its parent waits, start it. Raises ForkError beyond a bound: none starts."""
        self._check(parent, len(wanted.tasks))
        children = tuple(
            Child(AgentId(f"f{self.next_number + n}"), task.task, task.access, task.max_steps)
            for n, task in enumerate(wanted.tasks)
        )
        self.next_number += len(children)
        history = parent.history
        siblings = [history.forks[name] for name in history.forks if history.forks[name].call in history.open_calls]
        from_seq = siblings[-1].from_seq if siblings and call is not None else history.entries[-1].seq
        fork = Fork(children, from_seq, call, wanted.wait, wanted.merge)
        parent.record(fork)
        self.nursery.ordered(parent, rig, fork)
        self.start(parent, rig, fork)
        if call is not None and not wanted.wait:
            names = ", ".join(child.agent for child in children)
            told = f"Started: {names}. They work in the background; each report reaches you as a message when it ends."
            parent.record(ToolResult(call, "fork", (text_block(told),)))

    def allot(self) -> AgentId:
        """The id of one more fork."""
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
                f"a session has at most {self.bounds.agents} agents (--max-agents): {left} more can start, not {count}"
            )

    def revive(self, parent: Agent, rig: Rig) -> None:
        """Take up again the children in the background that have not reported: those that a crash cut short."""
        for fork in dict.fromkeys(parent.history.forks.values()):
            if not fork.wait:
                self.start(parent, rig, fork)

    # --- running --------------------------------------------------------------------------------------------------

    def start(self, parent: Agent, rig: Rig, fork: Fork) -> None:
        """Start the children of a fork that have not reported and do not run."""
        gate = Gate(len(fork.children) > 1)
        for child in fork.children:
            if child.agent not in parent.history.reports and child.agent not in self.members:
                task = asyncio.create_task(self._run(parent, rig, fork, child, gate), name=f"agent {child.agent}")
                self.members[child.agent] = Member(parent, fork, child, task)

    async def _run(self, parent: Agent, rig: Rig, fork: Fork, child: Child, gate: Gate) -> None:
        """Run one child to its end and record its report. A failure is a report too, and costs nobody else anything."""
        try:
            async with self.places:
                report = await self._report(parent, rig, fork, child, gate)
            if report is not None:
                parent.record(report)
        finally:
            gate.open()
            self.members.pop(child.agent, None)
            parent.woken.set()

    async def _report(self, parent: Agent, rig: Rig, fork: Fork, child: Child, gate: Gate) -> Report | None:
        try:
            agent, own = await self.nursery.hatch(parent, rig, fork, child)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            return Report(child.agent, "failed", f"({error.sentence})")
        member = self.members[child.agent]
        member.agent, member.rig = agent, own
        own.gate = gate
        try:
            end = await self.run_turn(agent, own)
        except ForkError as error:
            end = Finish("failed", error.sentence)
        if self.ending:
            return None  # fork itself ends: the child is taken up again with the session
        tree = await self.nursery.end(parent, rig, agent, own, fork)
        report = report_of(agent.history, _STATUS.get(end.status, "failed"), tree)
        if end.status not in {"done", "limit"} and end.sentence:
            text = f"{report.text}\n\n({end.sentence})" if report.steps else f"({end.sentence})"
            report = replace(report, text=text)
        agent.files.write_report(report.text)
        return report

    # --- gathering ------------------------------------------------------------------------------------------------

    async def gather(self, parent: Agent, rig: Rig, calls: Sequence[CallId]) -> None:
        """Wait for the children of these calls, merge what they changed, and answer the calls."""
        history = parent.history
        for call in calls:
            fork = next((fork for fork in history.forks.values() if fork.call == call), None)
            if fork is None:
                continue
            self.start(parent, rig, fork)
            try:
                await self._ended(parent, fork)
            except asyncio.CancelledError:
                self._answer_stopped(parent, fork, call)
                raise
            await self._merge(parent, rig, fork)
            text = gathered(fork, history.reports, history.merges)
            parent.record(ToolResult(call, "fork", (text_block(text),)))

    async def _merge(self, parent: Agent, rig: Rig, fork: Fork) -> None:
        """Merge in the order of the tasks what has not been merged; a failure costs the other children nothing."""
        for child in fork.children:
            report = parent.history.reports.get(child.agent)
            if report is None or child.agent in parent.history.merges:
                continue
            try:
                merge = await self.nursery.merge(parent, rig, fork, report)
            except ForkError as error:
                if error.kind is Kind.STORAGE:
                    raise
                parent.emit(Warned(parent.id, f"the files of {child.agent} were not merged: {error.sentence}"))
                merge = Merge(child.agent, "kept")
            if merge is not None:
                parent.record(merge)

    async def merge(self, parent: Agent, rig: Rig, name: str) -> Merge:
        """Bring the files of a child that kept them (or was in conflict) into its parent's. Raises ForkError."""
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
        if not report.tree:
            raise ForkError(f"{name} has no files of its own")
        merge = await self.nursery.bring(parent, rig, fork, report)
        parent.record(merge)
        return merge

    def _answer_stopped(self, parent: Agent, fork: Fork, call: CallId) -> None:
        """After a stop by the user: the call is answered with what the children reported when they were stopped."""
        reports = parent.history.reports
        if not self.ending and all(child.agent in reports for child in fork.children):
            text = gathered(fork, reports, parent.history.merges)
            parent.record(ToolResult(call, "fork", (text_block(text),), is_error=True))

    async def _ended(self, parent: Agent, fork: Fork) -> None:
        """Until every child of the fork has reported. Holds none of the parallel places meanwhile."""
        mine = parent.id in self.members
        if mine:
            self.places.release()
        try:
            tasks = [self.members[child.agent].task for child in fork.children if child.agent in self.members]
            if tasks:
                await asyncio.wait(tasks)
                for task in tasks:
                    task.result()
        except asyncio.CancelledError:
            await self.halt(parent, parent.stop or Stop("signal"))
            raise
        finally:
            if mine:
                await self.places.acquire()

    async def next_report(self, parent: Agent) -> bool:
        """Wait until a child that works in the background has reported; False if none runs."""
        if not self.running(parent):
            return False
        parent.woken.clear()
        try:
            await parent.woken.wait()
        except asyncio.CancelledError:
            await self.halt(parent, parent.stop or Stop("signal"))
            raise
        return True

    def running(self, parent: Agent) -> list[AgentId]:
        """Children of this agent that run."""
        return [name for name, member in self.members.items() if member.parent is parent]

    async def halt(self, parent: Agent, stop: Stop) -> None:
        """Stop the children of an agent, and theirs; each reports what it has."""
        self.ending = self.ending or stop.by != "user"
        members = [member for member in self.members.values() if member.parent is parent]
        for member in members:
            if member.agent is not None:
                member.agent.halt(stop)
        if members:
            await asyncio.wait([member.task for member in members], timeout=END_S)

    async def close(self) -> None:
        """Stop all children, since fork ends: what they have done is on disk, and they are taken up again with it."""
        self.ending = True
        members = list(self.members.values())
        for member in members:
            if member.agent is not None and member.agent.task is not None:
                member.agent.halt(Stop("signal", "fork was ended"))
            else:
                member.task.cancel()
        if members:
            await asyncio.wait([member.task for member in members], timeout=END_S)

"""The agents of a session that run at the same time: orders forks, and hands on to what runs and gathers them.

Every fact is in a history before it counts: the order in the parent's, what a child does in its own, its report in the
parent's. So gathering is the same whether the children just began or are taken up again after a crash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.decide import unreported
from forkcli.core.entries import Child, Fork, Merge, Order, Spawn, Usage
from forkcli.core.events import Warned
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.engine.agent import Agent
from forkcli.engine.bringing import bring_kept
from forkcli.engine.gathering import answer_started, finished, gather, next_report, settle
from forkcli.engine.ports import ForkOrder, SpawnOrder, Task
from forkcli.engine.rig import Rig
from forkcli.engine.roster import Roster
from forkcli.engine.running import shared_past, start
from forkcli.errors import ForkError


@dataclass(slots=True)
class Fleet(Roster):
    """Fills `engine.rig.FleetPort`."""

    # --- ordering -------------------------------------------------------------------------------------------------

    async def order(self, parent: Agent, rig: Rig, call: CallId | None, wanted: ForkOrder) -> None:
        """Put a fork on record and start it. Raises ForkError beyond a bound: then none starts."""
        self._check(parent.history, len(wanted.tasks))
        history = parent.history
        children = _children(self._allot("f" * len(wanted.tasks)), wanted.tasks)
        from_seq = _of_the_same_answer(history, call) or history.entries[-1].seq
        past = shared_past(self, parent, from_seq)
        fork = Fork(children, from_seq, call, wanted.wait, wanted.merge)
        parent.record(fork)
        self.nursery.ordered(parent, rig, fork)
        start(self, parent, rig, fork, past)
        if not wanted.wait:
            answer_started(parent, fork)

    async def spawn(self, parent: Agent, rig: Rig, call: CallId | None, wanted: SpawnOrder) -> None:
        """Put a spawn on record and start it. Raises ForkError beyond a bound, or for a model that cannot be."""
        shared = len(wanted.tasks) > 1 and wanted.interview != "none"
        self._check(parent.history, len(wanted.tasks) + shared, levels=1 + shared)
        model = await self._model(parent, rig, wanted.model) if wanted.model else ""
        names = self._allot("s" + "f" * len(wanted.tasks) if shared else "s" * len(wanted.tasks))
        onboarded = names.pop(0) if shared else None
        children = _children(names, wanted.tasks)
        from_seq = _of_the_same_answer(parent.history, call) or parent.history.entries[-1].seq
        spawn = Spawn(
            wanted.brief,
            children,
            from_seq,
            onboarded,
            interview=wanted.interview,
            model=model,
            call=call,
            wait=wanted.wait,
            merge=wanted.merge,
        )
        parent.record(spawn)
        self.nursery.ordered(parent, rig, spawn)
        start(self, parent, rig, spawn)
        if not wanted.wait and wanted.interview != "self":
            answer_started(parent, spawn)

    async def _model(self, parent: Agent, rig: Rig, name: str) -> str:
        """The full name of another model; that nothing is known of it is said.

        Raises ForkError for one that would get round the bound on cost.
        """
        model, own = self.nursery.model_named(name), parent.history.model
        bounded = rig.limits.max_cost_usd is not None and rig.model.cost_usd(own, Usage()) is not None
        if bounded and rig.model.cost_usd(model, Usage()) is None:
            raise ForkError(
                f"no price is known for the model {model}, so --max-cost could not bound it", "choose another model"
            )
        if model != own and not (await rig.model.limits(model)).known:
            parent.emit(Warned(parent.id, f"nothing is known of the model {model}: its sizes are a guess"))
        return model

    def allot(self, parent: History) -> AgentId:
        """The id of one more fork of the agent with this history. Raises ForkError beyond a bound."""
        self._check(parent, 1)
        return self._allot("f")[0]

    def allot_left(self, *, bounded: bool) -> AgentId:
        """The id of a stretch that an agent leaves behind. Raises ForkError beyond the bound, if it is `bounded`.

        It is as deep as the one that leaves it, and does not work beside it: a user, or fork where a context is full,
        need not be kept from going back by the number of agents.
        """
        return self._allot("f", bounded=bounded)[0]

    def allot_answering(self) -> AgentId:
        """The id of a fork that answers, however deep the asked agent is. Raises ForkError beyond a bound."""
        return self._allot("f")[0]

    def _allot(self, kinds: str, *, bounded: bool = True) -> list[AgentId]:
        """New ids of these kinds, which nobody else gets: another process may work in a fork of this session too."""
        while True:
            if bounded:
                self._check_count(len(kinds))
            names = [AgentId(f"{kind}{number}") for number, kind in enumerate(kinds, self.next_number)]
            if self.nursery.reserve(names):
                self.next_number += len(names)
                return names
            self.next_number += 1

    def _check(self, parent: History, count: int, *, levels: int = 1) -> None:
        above = parent.agent
        if levels and above is not None and above.depth + levels > self.bounds.depth:
            deep = "is that deep" if above.depth >= self.bounds.depth else "has room for one level, not for two"
            raise ForkError(
                f"agents are at most {self.bounds.depth} deep, and this agent {deep}", "do the tasks yourself"
            )
        self._check_count(count)

    def _check_count(self, count: int) -> None:
        if self.next_number + count > self.bounds.agents:
            left = max(self.bounds.agents - self.next_number, 0)
            raise ForkError(
                f"a session has at most {self.bounds.agents} agents (--max-agents): {left} more can start, not {count}",
                "none was started: do with fewer, or do it yourself",
            )

    def revive(self, parent: Agent, rig: Rig) -> None:
        """Take up again the children in the background that have not reported: those that a crash cut short."""
        self.nursery.foresee(parent, rig)
        names = unreported(parent.history)
        for order in dict.fromkeys(parent.history.forks[name] for name in names):
            start(self, parent, rig, order, among=names)

    # --- gathering ------------------------------------------------------------------------------------------------

    async def gather(self, parent: Agent, rig: Rig, calls: Sequence[CallId]) -> None:
        """Wait for the children of these calls, merge what they changed, and answer the calls."""
        await gather(self, parent, rig, calls)

    def settle(self, parent: Agent) -> None:
        """Answer calls that made forks with what these have reported, since a prompt goes before waiting for them."""
        settle(parent)

    async def merge(self, parent: Agent, rig: Rig, name: str, tree: str = "") -> Merge:
        """Bring the files of a child that kept them (or was in conflict) into its parent's. Raises ForkError."""
        return await bring_kept(self.nursery, parent, rig, name, tree)

    async def finished(self, parent: Agent, rig: Rig, order: Order) -> None:
        """Wait until the children of an order that no call waits for have reported."""
        await finished(self, parent, rig, order)

    async def next_report(self, parent: Agent) -> bool:
        """Wait until a child that works in the background has reported, or for a moment; False if none runs."""
        return await next_report(self, parent)


def _of_the_same_answer(history: History, call: CallId | None) -> Seq | None:
    """Where an earlier `fork` call of the same answer began: all of them share the same past."""
    if call is None:
        return None
    return next((other.made.from_seq for other in history.calls.values() if other.made is not None), None)


def _children(names: Sequence[AgentId], tasks: Sequence[Task]) -> tuple[Child, ...]:
    return tuple(Child(name, task.task, task.access, task.max_steps) for name, task in zip(names, tasks, strict=True))

"""What a fleet is made of: its bounds, the children that run, and what `app` fills in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from forkcli.core.decide import Finish
from forkcli.core.entries import Child, Merge, Order, Prompt, Report, Spawn
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.gate import Gate
from forkcli.engine.rig import Rig


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a session: agents in all (the root counted), at the same time, and forks above each other."""

    agents: int = 128
    parallel: int = 16
    depth: int = 4


class Nursery(Protocol):
    """Makes and wakes the agents that a fleet runs; `app` fills it."""

    def foresee(self, parent: Agent, rig: Rig) -> None:
        """A turn begins in which forks may be ordered: find out meanwhile what else the first one would wait for."""
        ...

    def ordered(self, parent: Agent, rig: Rig, order: Order) -> None:
        """An order is on record: begin to note what the files were at that moment."""
        ...

    def reserve(self, names: Sequence[AgentId]) -> bool:
        """Make sure that these ids are never given to anyone else, also after a crash. Raises ForkError(STORAGE).

        False if one of their numbers is taken, by another process that works in this session; then none is reserved.
        """
        ...

    async def hatch(self, parent: Agent, rig: Rig, order: Order, child: Child, past: History) -> tuple[Agent, Rig]:
        """A child ready to run: made with its opening entries, or opened again where it was left.

        `past` is what it shares with its parent: the parent's history up to the entry it was forked at.
        """
        ...

    def begin(self, parent: Agent, spawn: Spawn, child: Child) -> Prompt:
        """What lets a spawned agent that was interviewed begin with its task."""
        ...

    def model_named(self, name: str) -> str:
        """The full name of a model. Raises ForkError for what cannot be one."""
        ...

    async def leave(self, child: Agent, rig: Rig) -> None:
        """Let go of a child that is to be taken up again with the session."""
        ...

    async def end(self, parent: Agent, above: Rig, child: Agent, rig: Rig, order: Order) -> str:
        """Close a child that has ended; returns the id of the snapshot of its files, empty without files of its own."""
        ...

    async def merge(self, parent: Agent, rig: Rig, order: Order, report: Report) -> Merge | None:
        """Bring a child's files into its parent's workspace; None for a child that has none of its own."""
        ...

    async def bring(self, parent: Agent, rig: Rig, order: Order, report: Report) -> Merge:
        """The same, also for a child that was to keep them."""
        ...


class RunTurn(Protocol):
    """The loop: `engine.loop.run_turn`, handed in since the loop itself starts agents."""

    async def __call__(self, agent: Agent, rig: Rig) -> Finish: ...


@dataclass(slots=True)
class Brood:
    """The children of one order that run together, with the past that all of them share.

    Where one agent is onboarded for all of them, that past is there when its interview is over: it is empty as long as
    that is under way, and stays so if it fails; `unready` is then what they report.
    """

    parent: Agent
    rig: Rig
    order: Order
    past: History
    gate: Gate
    onboarding: "asyncio.Task[None] | None" = None
    unready: Report | None = None


@dataclass(slots=True)
class Member:
    """A child that runs, or waits for a place."""

    brood: Brood
    child: Child
    task: "asyncio.Task[None]" = field(init=False)
    asked: bool = False  # it waits, or has waited, for its parent to answer a question itself
    begun: bool = False  # it has, or had, a place
    agent: Agent | None = None
    rig: Rig | None = None
    stop: Stop | None = None
    over: bool = False  # its turn has ended: its files are brought together and closed

    @property
    def parent(self) -> Agent:
        """The agent that it was forked from."""
        return self.brood.parent

    def halt(self, stop: Stop) -> None:
        """Stop it, once: at its next await if it runs, before its first step if it is being made, else at once."""
        if self.stop is not None:
            return
        self.stop = stop
        if self.agent is not None:
            self.agent.halt(stop)
        elif not self.begun:
            self.task.cancel()

"""Who runs in this process: the children of a session with their places, and how they are stopped.

What a fleet does is in `running`, `gathering` and `bringing`; all of them work on this one value. Nothing in it is the
only place of a fact: a process that starts again begins with an empty roster and the histories.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from forkcli.core.ids import AgentId
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.brood import Bounds, Member, Nursery, RunTurn
from forkcli.engine.places import Places

END_S = 1.5  # how long children that are stopped may take to put down what they have


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Roster:
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

    def running(self, parent: Agent) -> list[AgentId]:
        """Children of this agent that run."""
        return [name for name, member in self.members.items() if member.parent is parent]

    def look_at(self, task: "asyncio.Task[None]") -> None:
        """Keep why a child could not report, until somebody who waits can be told."""
        if not task.cancelled() and self.broken is None:
            self.broken = task.exception()

    def raise_broken(self) -> None:
        """Raise what kept a child from reporting: it could not be saved, or it is a defect."""
        if self.broken is not None:
            raise self.broken

    @asynccontextmanager
    async def waiting(self, parent: Agent) -> AsyncIterator[None]:
        """While this lasts the agent waits for children: it holds no place, and a stop of its own stops them too."""
        try:
            async with self.places.lent(parent.id):
                yield
        except asyncio.CancelledError:
            await self.halt(parent, parent.stop or Stop("signal"))
            raise

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
        await _halt([member for member in self.members.values() if member.parent is parent], stop)

    async def close(self) -> None:
        """Stop all children, since fork ends: what they have done is on disk, and they are taken up again with it."""
        self.ending = True
        await _halt(list(self.members.values()), Stop("signal", "fork was ended"))


async def _halt(members: Sequence[Member], stop: Stop) -> None:
    for member in members:
        member.halt(stop)
    if members:
        await asyncio.wait([member.task for member in members], timeout=END_S)

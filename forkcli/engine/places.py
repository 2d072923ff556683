"""The places of the agents that work at the same time. An agent holds one while it works, and none while it waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from forkcli.core.ids import AgentId


class Places:
    """A number of places. Nothing here can give a place back twice."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._held: set[AgentId] = set()
        self._waiting: dict[AgentId, int] = {}  # for how many things each waits
        self._lenders: set[AgentId] = set()  # of those, the ones that get a place again

    async def take(self, agent: AgentId) -> None:
        """Wait for a place."""
        await self._free.acquire()
        self._held.add(agent)

    def give(self, agent: AgentId) -> None:
        """Give the agent's place back, if it holds one."""
        if agent in self._held:
            self._held.discard(agent)
            self._free.release()

    def waits(self, agent: AgentId) -> bool:
        """Whether it waits for children or for an answer, and does nothing else."""
        return agent in self._waiting

    @asynccontextmanager
    async def lent(self, agent: AgentId) -> AsyncIterator[None]:
        """While this lasts the agent waits: others may have its place. One that is stopped then needs none again.

        Where it waits for several things at once, it has its place again when it waits for none of them.
        """
        if agent in self._held:
            self._lenders.add(agent)
        self._waiting[agent] = self._waiting.get(agent, 0) + 1
        self.give(agent)
        stopped = False
        try:
            yield
        except asyncio.CancelledError:
            stopped = True
            raise
        finally:
            left = self._waiting.pop(agent) - 1
            if left:
                self._waiting[agent] = left
            elif agent in self._lenders:
                self._lenders.discard(agent)
                if not stopped:
                    await self._take_again(agent)

    async def _take_again(self, agent: AgentId) -> None:
        """Wait for the place of one that had lent it. Who waits anew by then leaves it to others until that ends.

        Calls of one message need not begin to wait at one moment: the first can have its answer before the last asks.
        """
        await self._free.acquire()
        if agent in self._waiting:
            self._free.release()
            self._lenders.add(agent)
        else:
            self._held.add(agent)

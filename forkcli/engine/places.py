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

    async def take(self, agent: AgentId) -> None:
        """Wait for a place."""
        await self._free.acquire()
        self._held.add(agent)

    def give(self, agent: AgentId) -> None:
        """Give the agent's place back, if it holds one."""
        if agent in self._held:
            self._held.discard(agent)
            self._free.release()

    @asynccontextmanager
    async def lent(self, agent: AgentId) -> AsyncIterator[None]:
        """While this lasts the agent waits: others may have its place. One that is stopped then needs none again."""
        held = agent in self._held
        self.give(agent)
        yield
        if held:
            await self.take(agent)

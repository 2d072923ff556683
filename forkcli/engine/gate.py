"""Holds the siblings of a fork back for a moment, so that what the first one writes to the cache is written once.

It never holds anyone for longer than it was told, and never holds the first one.
"""

import asyncio
from datetime import datetime

from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.sharing import CACHE_LIVES_S, SMALL, asleep_s, fresh_tokens

WARM_S = 5.0  # how long siblings wait at most where only the newest messages have to be written
COLD_S = 60.0  # the same where the whole past has to be: reading a long prompt takes the endpoint that long


class Gate:
    """Siblings wait here until the first one's answer begins, since what it writes can be read only from then on."""

    def __init__(self, hold_s: float) -> None:
        """Hold for at most so many seconds; 0: let everyone through at once."""
        self._hold_s = hold_s
        self._opened = hold_s <= 0
        self._first: AgentId | None = None
        self._waiting: dict[AgentId, asyncio.Event] = {}

    @property
    def holds(self) -> bool:
        """Whether anyone but the first one has to wait."""
        return not self._opened

    async def wait(self, agent: AgentId) -> None:
        """Pass as the first one (also when it asks again), or wait."""
        if self._opened or self._first in {None, agent}:
            self._first = self._first or agent
            return
        turn = self._waiting[agent] = asyncio.Event()
        try:
            async with asyncio.timeout(self._hold_s):
                await turn.wait()
        except TimeoutError:
            self.open()
        finally:
            self._waiting.pop(agent, None)

    def open(self) -> None:
        """An answer has begun: let everyone through."""
        self._opened = True
        for turn in self._waiting.values():
            turn.set()

    def leave(self, agent: AgentId) -> None:
        """An agent has ended. If it was the first one and had no answer, the next one that waits is the first."""
        if self._opened or self._first != agent:
            return
        self._first = next(iter(self._waiting), None)
        if self._first is not None:
            self._waiting[self._first].set()


def hold_s(past: History, now: datetime) -> float:
    """How long siblings wait for the first one: not at all where nothing worth sharing has to be written."""
    if asleep_s(past, now) >= CACHE_LIVES_S:
        return COLD_S
    return WARM_S if fresh_tokens(past) > SMALL else 0

"""Holds the siblings of a fork back for a moment, so that what the first one writes to the cache is written once."""

import asyncio

STAGGER_S = 5.0  # how long siblings wait at most for the first one's answer to begin


class Gate:
    """Holds siblings until the first one's answer begins, since what it writes to the cache can be read only then."""

    def __init__(self, closed: bool) -> None:
        self._open = asyncio.Event()
        self._taken = not closed
        if not closed:
            self._open.set()

    async def wait(self) -> None:
        """Pass as the first one, or wait until the gate is open, or for five seconds."""
        if not self._taken:
            self._taken = True
            return
        try:
            await asyncio.wait_for(self._open.wait(), STAGGER_S)
        except TimeoutError:
            self._open.set()

    def open(self) -> None:
        """Let everyone through."""
        self._open.set()

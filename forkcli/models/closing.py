"""The ends of answers, carried out whole even when whoever waits for one is stopped.

When an answer is closed, the pool of connections also closes those that have expired, one after the other; who is
cancelled there leaves the rest open, and nobody has them any more. So each end is a task of its own, which is not
cancelled with its waiter. Invariant: after `finish` none is under way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2


class Closings:
    """The ends that are under way; a hook for responses. Use it in one event loop."""

    def __init__(self) -> None:
        self._ends: set[asyncio.Task[None]] = set()

    async def hook(self, response: "httpx2.Response") -> None:
        """Have this response closed in a task of its own."""
        import httpx2

        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _whole()(response.stream, self)

    async def close(self, stream: "httpx2.AsyncByteStream") -> None:
        """Close it; who is cancelled meanwhile goes at once, and the closing goes on."""
        end = asyncio.create_task(stream.aclose())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
        await asyncio.shield(end)

    async def finish(self) -> None:
        """Wait for what is under way; what fails to close is gone."""
        await asyncio.gather(*self._ends, return_exceptions=True)


@cache
def _whole() -> "Callable[[httpx2.AsyncByteStream, Closings], httpx2.AsyncByteStream]":
    """A stream whose closing is the end of an answer. One class for all: a class is never free of cycles, and one for
    each response would keep its request in memory until these are looked for."""
    import httpx2

    class Whole(httpx2.AsyncByteStream):
        def __init__(self, inner: httpx2.AsyncByteStream, closings: Closings) -> None:
            self._inner = inner
            self._closings = closings

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in self._inner:
                yield chunk

        async def aclose(self) -> None:
            await self._closings.close(self._inner)

    return Whole

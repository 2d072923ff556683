"""Blocking work beside the event loop that nobody has to wait for: when fork ends, it is left behind.

Only work that may be cut at any moment, as by a kill, is done this way. Invariant: what it came to, an error too, is
either handed to the one who waits or dropped because nobody does any more.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class _Handing(Generic[T]):
    """What is done within it is handed to a future of another thread's event loop: the result, or the error."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.told: asyncio.Future[T] = self._loop.create_future()
        self.results: list[T] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._tell, error)
        return True

    def _tell(self, error: BaseException | None) -> None:
        if self.told.done():
            return
        if error is not None:
            self.told.set_exception(error)
        else:
            self.told.set_result(self.results[0])


async def whole(work: Coroutine[None, None, T]) -> T:
    """Carry out work that a stop must not cut: it ends, then the stop goes on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns, or raises. Being cancelled ends the waiting alone."""
    handing = _Handing[T]()

    def run() -> None:
        with handing:
            handing.results.append(work())

    threading.Thread(target=run, name="work aside", daemon=True).start()
    return await handing.told

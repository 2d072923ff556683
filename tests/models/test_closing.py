"""Connections are closed whole, whoever is stopped meanwhile."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import httpx2
import pytest

from forkcli.models.closing import Closings


class Pool(httpx2.AsyncByteStream):
    """A body whose end also closes connections, as the pool does it: one after the other."""

    def __init__(self, connections: int) -> None:
        self.open = connections

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"all of it"

    async def aclose(self) -> None:
        while self.open:
            self.open -= 1
            await asyncio.sleep(0)


async def hooked(closings: Closings, stream: httpx2.AsyncByteStream) -> httpx2.Response:
    response = httpx2.Response(200, stream=stream)
    await closings.hook(response)
    return response


async def test_who_is_stopped_while_an_answer_is_closed_leaves_no_connection_open() -> None:
    closings, pool = Closings(), Pool(20)
    closing = asyncio.create_task((await hooked(closings, pool)).aclose())
    while pool.open > 15:
        await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert pool.open > 0  # nobody was made to wait
    await closings.finish()
    assert pool.open == 0


async def test_a_body_that_is_read_to_its_end_is_the_same_and_is_closed() -> None:
    closings, pool = Closings(), Pool(3)
    assert await (await hooked(closings, pool)).aread() == b"all of it"
    assert pool.open == 0


async def test_what_fails_to_close_is_told_to_who_waits_and_to_nobody_else() -> None:
    class Broken(Pool):
        async def aclose(self) -> None:
            await asyncio.sleep(0)
            raise httpx2.CloseError("gone already")

    closings = Closings()
    with pytest.raises(httpx2.CloseError):
        await (await hooked(closings, Broken(1))).aclose()
    stopped = asyncio.create_task((await hooked(closings, Broken(1))).aclose())
    await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    await closings.finish()


async def test_a_response_that_was_closed_is_gone_at_once_with_all_that_it_held() -> None:
    closings, pool = Closings(), Pool(2)
    gc.disable()
    try:
        response = await hooked(closings, pool)
        await response.aclose()
        await closings.finish()
        held = weakref.ref(pool)
        del pool, response
        await asyncio.sleep(0)
        assert held() is None
    finally:
        gc.enable()

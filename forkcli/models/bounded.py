"""An end to bodies that are no answer: refusals, and what is looked up beside an answer.

The SDK reads these whole. It never bounds a stream of events, which has its own limits. Invariant: of such a body no
more than its limit is taken from the connection.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

MOST_REFUSAL = 64 << 10
MOST_LOOKUP = 4 << 20
MOST_PACKED = 16 << 10  # of a compressed body, which may unpack to a thousand times as much


async def bounded(response: "httpx2.Response") -> None:
    """A hook for responses. A refusal is cut at its limit; a lookup's body breaks off there."""
    import httpx2

    refused = not response.is_success
    if not refused and "event-stream" in response.headers.get("content-type", ""):
        return
    packed = response.headers.get("content-encoding", "identity") != "identity"
    limit = MOST_PACKED if packed else MOST_REFUSAL if refused else MOST_LOOKUP
    if not isinstance(response.stream, httpx2.AsyncByteStream):
        return
    inner: httpx2.AsyncByteStream = response.stream

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = limit
            async for chunk in inner:
                yield chunk[:left]
                left -= len(chunk)
                if left > 0:
                    continue
                if refused:
                    return
                raise httpx2.ReadError(f"the body is larger than {limit >> 10} KiB")

        async def aclose(self) -> None:
            await inner.aclose()

    response.stream = Bounded()

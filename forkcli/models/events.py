"""The events in the body of a streamed answer, as JSON objects.

No objects are built from them, and bytes are read in larger pieces the more streams there are: a hundred agents at
eighty events a second must not fill a core. Invariant: the events end with `message_stop` after a stop reason, or
ModelError is raised; an `error` event is never passed on.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING

from forkcli.core.messages import Json
from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models import failures
from forkcli.models.sse import ServerSentEvent, SseDecoder

if TYPE_CHECKING:
    import httpx2

MOST_ANSWER_BYTES = 64 << 20  # three times what 128,000 tokens take in events of one token each
DRAIN_S = 0.1  # for the end of the body after `message_stop`, so that the connection can serve the next request


async def stream_events(
    response: "httpx2.Response", place: str, idle_s: float, pause_s: Callable[[], float] = lambda: 0.0
) -> AsyncGenerator[Json, None]:
    """The answer's events. Raises ModelError when it breaks, brings no event for `idle_s` seconds, or is not whole.

    `place` is the endpoint as it is shown; `pause_s` says how long to let bytes gather before the next are read.
    """
    import httpx2

    chunks, decoder = response.aiter_bytes(), SseDecoder()
    now = asyncio.get_running_loop().time
    deadline, received, reason_seen = now() + idle_s, 0, False
    try:
        while (chunk := await _read(chunks, deadline)) is not None:
            received += len(chunk)
            if received > MOST_ANSWER_BYTES:
                raise ValueError("the answer has no end")
            for sse in decoder.feed(chunk):
                deadline = now() + idle_s  # an event's, not a byte's: dripping bytes do not extend it
                event = _decoded(sse, place)
                reason_seen = reason_seen or _has_stop_reason(event)
                if event.get("type") != "message_stop":
                    yield event
                    continue
                if not reason_seen:
                    raise _incomplete(place)
                await _drain(chunks)
                yield event
                return
            if (pause := pause_s()) > 0:
                await asyncio.sleep(pause)
    except (TimeoutError, httpx2.TimeoutException):
        raise silent(place, idle_s) from None
    except (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError) as e:
        why = failures.one_line(str(e)) or type(e).__name__
        raise ModelError(ModelFault.BROKEN, f"the connection to {place} broke: {why}") from e
    raise _incomplete(place)


def silent(place: str, idle_s: float) -> ModelError:
    """The failure of an endpoint that sends nothing."""
    return ModelError(ModelFault.BROKEN, f"{place} was silent for {idle_s:g} s")


def _incomplete(place: str) -> ModelError:
    return ModelError(ModelFault.BROKEN, f"{place} ended the stream before its answer was complete")


async def _read(chunks: AsyncIterator[bytes], deadline: float) -> bytes | None:
    """The next bytes; None at the end of the body."""
    async with asyncio.timeout_at(deadline):
        return await anext(chunks, None)


def _decoded(sse: ServerSentEvent, place: str) -> Json:
    """The event's JSON object. Raises ModelError for anything else, and for what an error event tells."""
    try:
        event = json.loads(sse.data)
    except (ValueError, RecursionError):
        event = None
    if sse.name == "error" or (isinstance(event, dict) and event.get("type") == "error"):
        raise failures.event_error(place, event if isinstance(event, dict) else {"message": sse.data})
    if not isinstance(event, dict):
        piece = failures.one_line(sse.data)[:80]
        raise ModelError(ModelFault.BROKEN, f"{place} sent an event that is not JSON: {piece}")
    return event


def _has_stop_reason(event: Json) -> bool:
    kind = event.get("type")
    if kind not in {"message_delta", "message_start"}:
        return False
    part = event.get("delta" if kind == "message_delta" else "message")
    return isinstance(part, dict) and isinstance(part.get("stop_reason"), str)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read the body to its end, if that comes at once. The answer is whole: what breaks now breaks nothing."""
    import httpx2

    try:
        async with asyncio.timeout(DRAIN_S):
            while await anext(chunks, None) is not None:
                pass
    except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError):
        return

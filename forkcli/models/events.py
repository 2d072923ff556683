"""The events in the body of a streamed answer, as JSON objects.

No objects are built from them: a hundred agents at eighty events a second must not fill a core. Invariant: the events
end with `message_stop` after a stop reason, or ModelError is raised; an `error` event is never passed on.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Protocol

from forkcli.core.messages import Json
from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models import failures

if TYPE_CHECKING:
    import httpx2

MOST_ANSWER_CHARS = 64 << 20
DRAIN_S = 0.1  # for the end of the body after `message_stop`, so that the connection can serve the next request


class _ServerSentEvent(Protocol):
    @property
    def event(self) -> str | None: ...

    @property
    def data(self) -> str: ...


async def stream_events(response: "httpx2.Response", place: str, idle_s: float) -> AsyncGenerator[Json, None]:
    """The answer's events. Raises ModelError when it breaks, is silent for `idle_s` seconds, or is not whole.

    `place` is the endpoint as it is shown.
    """
    import anthropic
    import httpx2

    source = anthropic.AsyncStream.raw_events(response)
    stopped = False
    received = 0
    try:
        while (sse := await _next(source, place, idle_s)) is not None:
            received += len(sse.data)
            if received > MOST_ANSWER_CHARS:
                raise ModelError(ModelFault.BROKEN, f"the answer of {place} has no end")
            if not sse.data.strip():
                continue
            event = _decoded(sse, place)
            stopped = stopped or _has_stop_reason(event)
            if event.get("type") != "message_stop":
                yield event
            elif stopped:
                await _drain(source)
                yield event
                return
    except httpx2.TimeoutException:
        raise silent(place, idle_s) from None
    except (httpx2.HTTPError, httpx2.StreamError, OSError, UnicodeDecodeError) as e:
        why = failures.one_line(str(e)) or type(e).__name__
        raise ModelError(ModelFault.BROKEN, f"the connection to {place} broke: {why}") from e
    raise ModelError(ModelFault.BROKEN, f"{place} ended the stream before its answer was complete")


def silent(place: str, idle_s: float) -> ModelError:
    """The failure of an endpoint that sends nothing."""
    return ModelError(ModelFault.BROKEN, f"{place} was silent for {idle_s:g} s")


async def _next(source: AsyncIterator[_ServerSentEvent], place: str, idle_s: float) -> _ServerSentEvent | None:
    """The next event; None at the end of the body. The deadline is the event's: dripping bytes do not extend it."""
    try:
        async with asyncio.timeout(idle_s):
            return await anext(source, None)
    except TimeoutError:
        raise silent(place, idle_s) from None


def _decoded(sse: _ServerSentEvent, place: str) -> Json:
    """The event's JSON object. Raises ModelError for anything else, and for what an error event tells."""
    try:
        event = json.loads(sse.data)
    except (ValueError, RecursionError):
        event = None
    if sse.event == "error" or (isinstance(event, dict) and event.get("type") == "error"):
        raise failures.event_error(place, event if isinstance(event, dict) else {"message": sse.data})
    if not isinstance(event, dict):
        raise ModelError(
            ModelFault.BROKEN, f"{place} sent an event that is not JSON: {failures.one_line(sse.data)[:80]}"
        )
    return event


def _has_stop_reason(event: Json) -> bool:
    kind = event.get("type")
    if kind not in {"message_delta", "message_start"}:
        return False
    part = event.get("delta" if kind == "message_delta" else "message")
    return isinstance(part, dict) and isinstance(part.get("stop_reason"), str)


async def _drain(source: AsyncIterator[_ServerSentEvent]) -> None:
    """Read the body to its end, if that comes at once."""
    try:
        async with asyncio.timeout(DRAIN_S):
            while await anext(source, None) is not None:
                pass
    except TimeoutError:
        return

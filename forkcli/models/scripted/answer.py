"""Sending one reply: as a stream or whole, at its pace, with its fault.

Invariant: the cache learns what a request wrote when the answer's first event goes out, never before.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from forkcli.core.messages import Block, Json
from forkcli.models.scripted.faults import Fault
from forkcli.models.scripted.http import chunk, head_bytes, json_answer
from forkcli.models.scripted.line import Line
from forkcli.models.scripted.record import Recorded
from forkcli.models.scripted.refusal import error_body
from forkcli.models.scripted.script import Reply, fresh_id
from forkcli.models.scripted.sse import encode, envelope, stream_events, whole_message

_BUFFER = 64 * 1024
_STREAM_HEAD = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_ENDS = ("message_stop",)


@dataclass(slots=True)
class Answer:
    """The answer to one request. `begin` may come before the reply is known (then pings keep the client waiting)."""

    line: Line
    record: Recorded
    model: str
    streams: bool
    usage: Json  # the input side
    commit: Callable[[], None]  # tells the cache, called once
    request_id: str = field(default_factory=lambda: fresh_id("req"))
    begun: int = 0  # events sent

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every answer."""
        return {"request-id": self.request_id}

    async def begin(self) -> None:
        """Send the stream's head, `message_start` and a ping."""
        head = envelope(fresh_id("msg"), self.model, self._usage_at_start())
        await self._open_stream()
        await self.line.send(chunk(encode({"type": "message_start", "message": head})))
        await self.ping()
        self.begun = 2
        self._commit()

    async def ping(self) -> None:
        """Keep the stream alive."""
        await self.line.send(chunk(encode({"type": "ping"})))

    async def fail(self, status: int, kind: str, message: str, retry_after: float | None = None) -> None:
        """An error answer, or an error event where the stream has begun."""
        body = error_body(kind, message, self.request_id)
        self.record.error = message
        if self.begun:
            await self.line.send(chunk(encode(body)) + chunk(b""))
            return
        self.record.status = status
        more = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
        await self.line.send(json_answer(status, body, {**self.headers, **more}))

    async def give(self, reply: Reply, content: list[Block], output_tokens: int) -> None:
        """Send the reply, or strike with its fault."""
        fault = reply.fault
        if fault and fault.kind in {"status", "reject_field"}:
            self.record.ended = "fault"
            await self.fail(*fault.error, fault.retry_after)
            return
        bare = fault is not None and fault.kind == "drop_usage"
        usage = None if bare else {**self.usage, "output_tokens": output_tokens, **reply.usage}
        self.record.sent, self.record.usage = content, usage
        if self.streams:
            await self._stream(reply, content, usage)
        else:
            await self._whole(reply, content, usage)
        self.record.ended = self.record.ended or "whole"

    # --- not streaming ----------------------------------------------------------------------------------------------

    async def _whole(self, reply: Reply, content: list[Block], usage: Json | None) -> None:
        head = envelope(fresh_id("msg"), self.model, None)
        data = json_answer(200, whole_message(head, reply, content, usage), self.headers)
        self.record.status = 200
        self._commit()
        fault = reply.fault
        if fault and fault.kind in {"stall", "slow"}:
            await self.line.pause(fault.seconds)
        elif fault and not fault.bends:
            self.record.ended = "fault"
            await self.line.send(data[: len(data) // 2])
            await self._break(fault)
            return
        await self.line.send(data)

    # --- streaming --------------------------------------------------------------------------------------------------

    async def _stream(self, reply: Reply, content: list[Block], usage: Json | None) -> None:
        head = envelope(fresh_id("msg"), self.model, None if usage is None else {**usage, "output_tokens": 1})
        if not self.begun:
            await self._open_stream()
            self._commit()
        fault, skip, waiting = reply.fault, self.begun, b""
        pace = _Pace(self.line, reply.tokens_per_s)
        for number, (event, size) in enumerate(stream_events(head, reply, content, usage)):
            if fault and (number == fault.after_events or event["type"] in _ENDS):
                await self.line.send(waiting)
                waiting = b""
                if await self._strike(fault):
                    return
                fault = fault if fault.kind == "slow" else None
            if number < skip:
                continue
            if fault and fault.kind == "slow":
                await self.line.pause(fault.seconds)
            waiting += chunk(encode(event))
            self.begun += 1
            if reply.tokens_per_s or len(waiting) > _BUFFER or number == 0:
                await self.line.send(waiting)
                waiting = b""
            await pace.keep(size)
        await self.line.send(waiting + chunk(b""))

    async def _open_stream(self) -> None:
        self.record.status = 200
        await self.line.send(head_bytes(200, {**_STREAM_HEAD, "transfer-encoding": "chunked", **self.headers}))

    async def _strike(self, fault: Fault) -> bool:
        """Carry out a fault in the middle of a stream; true when that was the end of it."""
        if fault.kind == "stall":
            await self.line.pause(fault.seconds)
        if fault.bends:
            return False
        self.record.ended = "fault"
        if fault.kind == "error_event":
            _, kind, message = fault.error
            await self.line.send(chunk(encode(error_body(kind, message, self.request_id))) + chunk(b""))
        elif fault.kind == "garbage":
            await self.line.send(chunk(b'event: content_block_delta\ndata: {"type": "content_blo\n\n') + chunk(b""))
        elif fault.kind == "eof":
            await self.line.send(chunk(b""))
        else:
            await self._break(fault)
        return True

    async def _break(self, fault: Fault) -> None:
        if fault.kind == "rst":
            self.line.reset()
        else:
            await self.line.close()

    def _usage_at_start(self) -> Json:
        return {**self.usage, "output_tokens": 1}

    def _commit(self) -> None:
        self.record.began = asyncio.get_running_loop().time()
        self.commit()


class _Pace:
    """Holds a stream to a number of tokens a second, counted from its first one, so that delays do not add up."""

    def __init__(self, line: Line, tokens_per_s: float | None) -> None:
        self._line = line
        self._rate = tokens_per_s
        self._due = asyncio.get_running_loop().time()

    async def keep(self, characters: int) -> None:
        """Wait as long as these characters take."""
        if self._rate and characters:
            self._due += characters / 4 / self._rate
            await self._line.pause(self._due - asyncio.get_running_loop().time())

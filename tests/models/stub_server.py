"""A loopback server that does to a client what networks and servers do: it answers byte by byte as a test says."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Got:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Line:
    """One connection while a request on it is answered."""

    got: Got
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def events(self, *events: object) -> None:
        for event in events:
            await self.send(sse(event))

    async def gone(self) -> None:
        """Returns when the client has closed the connection."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            return

    def reset(self) -> None:
        """Cut the connection so that the client sees a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Line], Awaitable[None]]


def sse(event: object) -> bytes:
    """An event as it stands on the wire."""
    name = event.get("type", "x") if isinstance(event, dict) else "x"
    return f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()


def whole(text: str = "hello", *, reason: str | None = "end_turn", model: str = "claude-opus-5-5") -> list[Any]:
    """The events of a short answer."""
    return [
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": model, "content": [], "usage": {"input_tokens": 3}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


def says(*events: object) -> Answer:
    """Answer with these events, in one chunked body that ends as HTTP says, so that the connection lives on."""

    async def answer(line: Line) -> None:
        body = b"".join(map(sse, events))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_7\r\n"
        await line.send(head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")

    return answer


def refuses(status: int, body: object = "", kind: str = "application/json", **headers: str) -> Answer:
    """Answer with an error; a `body` that is not bytes is sent as JSON."""

    async def answer(line: Line) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await line.begin(status, kind, content_length=str(len(data)), **headers)
        await line.send(data)

    return answer


def error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error in the API's shape."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_7"}


@dataclass
class Stub:
    """The server: answers messages in the order of `answers`, and lookups from `cards`."""

    answers: list[Answer]
    cards: dict[str, object] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    silent_lookups: bool = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._lines: set[asyncio.Task[None]] = set()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._lines:
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        self.connections += 1
        try:
            while (got := await _read(reader)) is not None:
                await self._answer(Line(got, reader, writer))
                if b"close" in got.headers.get("connection", "").encode() or writer.is_closing() or not self._keeps:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: Line) -> None:
        self._keeps = True
        if line.got.method == "GET":
            self.looked_up.append(line.got.path)
            if self.silent_lookups:
                await line.gone()
            card = self.cards.get(line.got.path.partition("?")[0])
            await (refuses(404, error("no")) if card is None else refuses(200, card))(line)
            self._keeps = False
            return
        self.got.append(line.got)
        answer = self.answers.pop(0)
        await answer(line)
        self._keeps = getattr(answer, "__qualname__", "").startswith("says.")


async def _read(reader: asyncio.StreamReader) -> Got | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ", 2)
    return Got(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))

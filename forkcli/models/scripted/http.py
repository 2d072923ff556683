"""Just enough HTTP/1.1 for a loopback server: requests with a body, answers with a length or in chunks.

It accepts no upgrade, no trailers and no pipelining, and refuses heads and bodies beyond its limits.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from forkcli.core.messages import Json

MAX_HEAD = 256 * 1024
MAX_BODY = 32 * 1024 * 1024  # the API's own limit
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class HttpError(Exception):
    """A request that cannot be read; the connection ends after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came. Header names are in lower case, the path has no query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another one."""
        return self.headers.get("connection", "").lower() != "close"


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request; None when the client closed the connection between two."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial.strip():
            raise HttpError(400, "the request ends in its head") from end
        return None
    except asyncio.LimitOverrunError as too_long:
        raise HttpError(431, "the head of the request is too long") from too_long
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise HttpError(400, "this is not HTTP/1.1")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await _read_body(reader, headers)
    return HttpRequest(words[0], words[1].partition("?")[0], headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise HttpError(400, "the content-length is not a number")
    if int(length) > MAX_BODY:
        raise HttpError(413, "Request exceeds the maximum size")
    return await _exactly(reader, int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = (await _line(reader)).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError:
            raise HttpError(400, "the size of a chunk is not a number") from None
        if size < 0 or len(body) + size > MAX_BODY:
            raise HttpError(413, "Request exceeds the maximum size")
        body += await _exactly(reader, size)
        await _line(reader)
        if size == 0:
            return bytes(body)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as broken:
        raise HttpError(400, "the request ends in a chunk") from broken


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as short:
        raise HttpError(400, f"the request's body ends after {len(short.partial)} of {size} bytes") from short


def head_bytes(status: int, headers: Mapping[str, str]) -> bytes:
    """The head of an answer."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Overloaded')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def json_answer(status: int, body: Json, headers: Mapping[str, str]) -> bytes:
    """A whole answer of JSON."""
    data = json.dumps(body).encode()
    more = {"content-type": "application/json", "content-length": str(len(data)), **headers}
    return head_bytes(status, more) + data


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked answer; empty data ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"

"""What the tests of the scripted server share: requests, and ways to send them."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anthropic

from forkcli.models.scripted import ScriptedServer

Json = dict[str, Any]
MODEL = "claude-opus-5-5"
BASH: Json = {"name": "bash", "description": "runs", "input_schema": {"type": "object"}}


@dataclass(frozen=True)
class At:
    """A server of which only the address is known."""

    base_url: str


def user(*content: str | Json) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]}


def assistant(*content: str | Json) -> Json:
    return {**user(*content), "role": "assistant"}


def result(call_id: str, text: str = "done", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text, **more}


def use(call_id: str, name: str = "bash", **arguments: object) -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def ask(*messages: Json, **more: object) -> Json:
    """A request's body."""
    return {"model": MODEL, "max_tokens": 1000, "messages": list(messages) or [user("hi")], **more}


@asynccontextmanager
async def sdk(server: ScriptedServer | At, **options: Any) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """The real SDK, without retries of its own."""
    given = {"api_key": "test", "max_retries": 0, "timeout": 10.0, **options}
    async with anthropic.AsyncAnthropic(base_url=server.base_url, **given) as client:
        yield client


async def events(client: anthropic.AsyncAnthropic, body: Json) -> list[Json]:
    """All events of a streamed answer."""
    stream = await client.messages.create(**{**body, "stream": True})
    async with stream:
        return [event.to_dict() async for event in stream]


def post(
    server: ScriptedServer | At, body: Json | bytes, path: str = "/v1/messages", **headers: str
) -> tuple[int, Json]:
    """One request over a socket of its own: status and body of the answer."""
    named = {"x-api-key": "test", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in named.items() if value]
    answer = raw(server, http(body, "connection: close", *lines, path=path, key=""))
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def http(body: Json | bytes, *headers: str, path: str = "/v1/messages", key: str = "test") -> bytes:
    """The bytes of a POST request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = ["host: x", f"content-length: {len(data)}", *headers, *([f"x-api-key: {key}"] if key else [])]
    return (f"POST {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + data


def raw(server: ScriptedServer | At, data: bytes) -> bytes:
    """What the server answers to these bytes until it closes the connection."""
    with connect(server) as line:
        line.sendall(data)
        return read_all(line)


def connect(server: ScriptedServer | At) -> socket.socket:
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def read_all(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(65536):
        parts.append(part)
    return b"".join(parts)

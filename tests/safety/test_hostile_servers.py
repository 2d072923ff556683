"""What a hostile or broken endpoint sends: bodies without an end, bombs, drips, and JSON of no expected shape."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from safety_kit import KEY, run_fork

Serve = Callable[[socket.socket, bytes], None]
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
MOST_MEMORY = 1 << 30  # bytes of address space: a body held whole goes beyond it


@contextmanager
def server(serve: Serve) -> Iterator[tuple[str, list[bytes]]]:
    """A bare server on loopback; its URL, and the heads of the requests it got."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = _request(connection)
            heads.append(head)
            serve(connection, head)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()  # or it would accept for the next test, whose socket gets the number of this one
        listener.close()


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head


def _chunk(connection: socket.socket, data: bytes) -> None:
    if data:
        connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def _event(value: object) -> bytes:
    return b"event: x\ndata: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


BEGIN = _event({"type": "message_start", "message": {"model": "m", "content": [], "usage": {"input_tokens": 1}}})


def _end(reason: str) -> bytes:
    return _event({"type": "message_delta", "delta": {"stop_reason": reason}}) + _event({"type": "message_stop"})


def _answers(*events: bytes) -> Serve:
    def serve(connection: socket.socket, head: bytes) -> None:
        connection.sendall(SSE + b"".join(events))

    return serve


def test_a_refusal_without_an_end_is_cut(project: Path) -> None:
    def serve(connection: socket.socket, head: bytes) -> None:
        connection.sendall(REFUSED + b"\r\n")
        while True:
            _chunk(connection, b"x" * 65536)

    with server(serve) as (url, _):
        done = run_fork(project, url, ("-p", "go"), {})
    assert done.returncode == 1
    assert b"refused the request (400" in done.stderr


def test_a_refusal_that_unpacks_to_gigabytes_is_cut(project: Path) -> None:
    def serve(connection: socket.socket, head: bytes) -> None:
        connection.sendall(REFUSED + b"content-encoding: gzip\r\n\r\n")
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        while True:
            _chunk(connection, packer.compress(b"x" * 4_000_000))

    with server(serve) as (url, _):
        code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MOST_MEMORY},) * 2); "
        code += "import sys; sys.argv = ['fork', '-p', 'go']; from forkcli.__main__ import main; sys.exit(main())"
        env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "PYTHONPATH": ":".join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env={**os.environ, **env}, capture_output=True, timeout=30,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"refused the request (400" in done.stderr


def test_headers_that_drip_are_given_up(project: Path) -> None:
    def serve(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)

    with server(serve) as (url, _heads):
        done = run_fork(project, url, ("-p", "go", "--idle-timeout", "0.5", "--timeout", "4"), {})
    assert b"was silent" in done.stderr


def test_a_redirect_is_not_followed_with_the_key(project: Path) -> None:
    def elsewhere(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    with server(elsewhere) as (target, leaked):

        def redirect(connection: socket.socket, head: bytes) -> None:
            answer = f"HTTP/1.1 307 x\r\nlocation: {target}/v1/messages\r\ncontent-length: 0\r\n\r\n"
            connection.sendall(answer.encode())

        with server(redirect) as (url, _):
            done = run_fork(project, url, ("-p", "go"), {})
    assert leaked == []
    assert b"not followed" in done.stderr
    assert KEY.encode() not in done.stderr


@pytest.mark.parametrize(
    "block",
    [
        {"type": {"a": 1}, "text": [1]},
        {"type": ["text"]},
        {"type": None},
        7,
        {"type": "tool_use", "id": {"x": 1}, "name": 5, "input": [1]},
    ],
)
def test_blocks_of_no_expected_shape_are_no_crash(project: Path, block: object) -> None:
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    stop = {"type": "content_block_stop", "index": 0}
    with server(_answers(BEGIN, _event(start), _event(stop), _end("end_turn"))) as (url, _):
        done = run_fork(project, url, ("-p", "go"), {})
    assert b"fork itself failed" not in done.stderr


@pytest.mark.parametrize("written", ["[1, 2]", '{"command": NaN}', '{"command":' + "[" * 100_000, "{", "null"])
def test_a_call_that_cannot_be_read_is_no_silent_success(project: Path, written: str) -> None:
    start = {"type": "tool_use", "id": "t1", "name": "bash", "input": {}}
    events = (
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": written}},
        {"type": "content_block_stop", "index": 0},
    )
    with server(_answers(BEGIN, *map(_event, events), _end("tool_use"))) as (url, _):
        done = run_fork(project, url, ("-p", "go"), {})
    assert done.returncode == 1
    assert b"cannot be read" in done.stderr


def test_control_characters_of_a_server_reach_no_terminal(project: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b31m"
    body = json.dumps({"error": {"type": "x", "message": hostile}}).encode()

    def serve(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    with server(serve) as (url, _):
        done = run_fork(project, url, ("-p", "go"), {})
    text = (done.stdout + done.stderr).decode()
    assert "refused" in text
    assert not {"\x1b", "\x07", "\x9b"} & set(text)

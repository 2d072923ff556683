"""The wire itself: what is no good HTTP gets an answer and ends its own connection only."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_wire import ask, connect, http, post, raw, read_all

from forkcli.models.scripted import Reply, ScriptedServer, say


@pytest.fixture(scope="module")
def server() -> object:
    with ScriptedServer([Reply([say("hello")], times=0)]) as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / SPDY/9\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nx-api-key: k\r\nconnection: close\r\n\r\n", 200),
        (b"GET /v1/models HTTP/1.1\r\nconnection: close\r\n\r\n", 401),
        (b"HEAD / HTTP/1.1\r\nx-api-key: k\r\nconnection: close\r\n\r\n", 404),
        (b"GET /v1/nothing HTTP/1.1\r\nx-api-key: k\r\nconnection: close\r\n\r\n", 404),
        (b"DELETE /v1/messages HTTP/1.1\r\nx-api-key: k\r\nconnection: close\r\n\r\n", 404),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: many\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: -5\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
        (b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffff\r\n", 413),
        (b"POST /v1/messages HTTP/1.1\r\nx: " + b"y" * 300_000 + b"\r\n\r\n", 431),
        (http(b"{not json", "connection: close"), 400),
        (http(b'"a string"', "connection: close"), 400),
        (http(b"\xff\xfe\x00", "connection: close"), 400),
        (http(b"[" * 100_000, "connection: close"), 400),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_wrong_is_said(server: ScriptedServer, sent: bytes, status: int) -> None:
    head, _, body = raw(server, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    if sent.startswith(b"HEAD"):
        assert body == b""
    elif status >= 400:
        assert json.loads(body)["type"] == "error"


def test_a_body_in_chunks_is_read(server: ScriptedServer) -> None:
    body = json.dumps(ask()).encode()
    half = len(body) // 2
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in (body[:half], body[half:])) + b"0\r\n\r\n"
    lines = (b"POST /v1/messages?beta=true HTTP/1.1", b"x-api-key: k", b"connection: close")
    head = b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", b""])
    assert b"hello" in raw(server, head + chunks)


def test_a_request_that_breaks_off_is_no_request(server: ScriptedServer) -> None:
    before = len(server.requests)
    with connect(server) as line:
        line.sendall(http(ask())[:-5])
    with connect(server) as line:
        line.sendall(b"POST /v1/mess")
    assert post(server, ask())[0] == 200
    assert len(server.requests) == before + 1


def test_one_connection_takes_one_request_after_another(server: ScriptedServer) -> None:
    with connect(server) as line:
        line.sendall(http(ask()) + http(ask(stream=True), "connection: close"))
        got = read_all(line)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.endswith(b"0\r\n\r\n")


def test_a_lone_surrogate_in_a_prompt_is_taken(server: ScriptedServer) -> None:
    status, body = post(server, json.dumps(ask()).replace("hi", "\\ud83d").encode())
    assert (status, body["content"]) == (200, [say("hello")])


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_bring_it_down(server: ScriptedServer, sent: bytes) -> None:
    with connect(server) as line:
        line.sendall(sent)
    assert post(server, ask())[0] == 200

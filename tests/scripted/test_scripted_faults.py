"""Every fault as a client meets it, and what comes after it."""

import asyncio
import time

import anthropic
import httpx2
import pytest
from scripted_wire import ask, connect, events, http, post, raw, read_all, sdk

from forkcli.models.scripted import Fault, Reply, ScriptedServer, fail, reply, say
from forkcli.models.scripted.faults import KINDS

HELLO = [say("hello " * 20)]


async def outcome(server: ScriptedServer) -> object:
    """The events of a streamed request, or the error that it ended with."""
    async with sdk(server) as client:
        try:
            return await events(client, ask())
        except (anthropic.APIError, httpx2.HTTPError, ValueError) as error:
            return error


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_a_status_is_answered_in_the_apis_shape(status: int, error: type[Exception], kind: str) -> None:
    with ScriptedServer([fail("status", status)]) as server:
        got = await outcome(server)
    assert isinstance(got, error)
    assert got.status_code == status
    assert got.body["error"]["type"] == kind
    assert got.request_id.startswith("req_")


async def test_words_and_headers_of_a_status_can_be_prescribed() -> None:
    fault = Fault("status", status=429, message="slow down", error_type="custom_error", retry_after=1.5)
    with ScriptedServer([Reply(fault=fault)]) as server:
        got = await outcome(server)
    assert got.response.headers["retry-after"] == "1.5"
    assert got.body["error"] == {"type": "custom_error", "message": "slow down"}


@pytest.mark.parametrize("kind", ["cut", "rst"])
@pytest.mark.parametrize("after", [0, 1, 4, 1000])
async def test_a_connection_breaks_in_the_middle(kind: str, after: int) -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault(kind, after_events=after))]) as server:
        assert isinstance(await outcome(server), httpx2.HTTPError | anthropic.APIConnectionError)
        assert server.requests[0].ended == "fault"
        whole = await outcome(server)
    assert whole[-1]["type"] == "message_stop"


async def test_a_stream_ends_cleanly_but_too_early() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("eof", after_events=4))]) as server:
        got = await outcome(server)
    assert [e["type"] for e in got] == ["message_start", "content_block_start", "content_block_delta"]


def test_events_before_a_fault_are_those_counted() -> None:
    faults = [Fault("eof", after_events=n, consumes=True) for n in (0, 2, 5)]
    with ScriptedServer([Reply(HELLO, fault=fault) for fault in faults]) as server:
        streams = [raw(server, http(ask(stream=True), "connection: close")) for _ in faults]
    assert [s.count(b"event: ") for s in streams] == [0, 2, 5]


async def test_an_error_comes_inside_an_answer_of_status_200() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("error_event"))]) as server:
        got = await outcome(server)
    assert isinstance(got, anthropic.APIStatusError)
    assert (got.status_code, got.type) == (200, "overloaded_error")


async def test_garbage_is_no_json() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("garbage"))]) as server:
        assert isinstance(await outcome(server), ValueError)
        assert isinstance(await outcome(server), list)


async def test_a_stall_sends_nothing_and_then_goes_on() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("stall", seconds=0.4))]) as server:
        began = time.perf_counter()
        got = await outcome(server)
    assert time.perf_counter() - began >= 0.4
    assert got[-1]["type"] == "message_stop"
    assert server.requests[0].ended == "whole"


async def test_a_client_that_gives_up_on_a_stall_is_dropped() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("stall", seconds=60))]) as server:
        async with sdk(server, timeout=1.0) as client:
            with pytest.raises(httpx2.ReadTimeout):
                await events(client, ask())
        server.wait_until(lambda requests: requests[0].ended == "dropped", 30)


async def test_a_slow_answer_waits_before_each_event() -> None:
    with ScriptedServer([Reply([say("hi")], fault=Fault("slow", seconds=0.05))]) as server:
        began = time.perf_counter()
        got = await outcome(server)
    assert len(got) == 6
    assert time.perf_counter() - began >= 7 * 0.05


async def test_usage_can_be_missing_everywhere() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("drop_usage")), reply("x")]) as server:
        streamed = await asyncio.to_thread(raw, server, http(ask(stream=True), "connection: close"))
        assert b"usage" not in streamed
        assert b"message_stop" in streamed
        assert "usage" in post(server, ask())[1]
    assert server.playlist.left == 0


def test_a_field_is_rejected_for_as_long_as_requests_have_it() -> None:
    with ScriptedServer([Reply(fault=Fault("reject_field", field="thinking")), reply("x")]) as server:
        with_it = ask(thinking={"type": "adaptive"})
        for _ in range(3):
            status, body = post(server, with_it)
            assert status == 400
            assert body["error"]["message"].startswith("thinking: ")
        assert post(server, ask())[0] == 200


def test_a_server_may_not_know_a_field_at_all() -> None:
    with ScriptedServer([Reply(HELLO, times=0)], rejects=["output_config"]) as server:
        assert post(server, ask(output_config={"effort": "low"}))[0] == 400
        assert post(server, ask())[0] == 200
        assert post(server, ask(output_config={"effort": "low"}))[0] == 400


async def test_refused_connections_come_back() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("refuse", seconds=1.5))]) as server:
        assert isinstance(await outcome(server), anthropic.APIConnectionError)
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        while not isinstance(await outcome(server), list):
            await asyncio.sleep(0.05)


def test_connections_can_be_refused_for_as_long_as_a_test_wants() -> None:
    with ScriptedServer([reply("x")]) as server:
        idle = connect(server)
        with server.refusing():
            with pytest.raises(ConnectionRefusedError):
                connect(server)
            with idle:
                assert read_all(idle) == b""
        assert post(server, ask())[0] == 200


def test_a_fault_strikes_as_often_as_it_says_and_leaves_the_reply() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("status", times=3)), reply("next")]) as server:
        assert [post(server, ask())[0] for _ in range(4)] == [529, 529, 529, 200]
        assert post(server, ask())[1]["content"] == [say("next")]


def test_a_fault_that_consumes_takes_the_reply_with_it() -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault("status", consumes=True)), reply("next")]) as server:
        assert post(server, ask())[0] == 529
        assert post(server, ask())[1]["content"] == [say("next")]


@pytest.mark.parametrize("kind", ["cut", "eof", "rst", "garbage", "error_event"])
def test_an_answer_that_does_not_stream_breaks_too(kind: str) -> None:
    with ScriptedServer([Reply(HELLO, fault=Fault(kind))]) as server:
        with pytest.raises((ValueError, OSError, IndexError)):
            post(server, ask())
        assert post(server, ask())[0] == 200


async def test_a_fault_after_the_pings_is_an_error_event() -> None:
    async def answer(request: dict) -> Reply:
        await asyncio.sleep(0.3)
        return fail("status", 529)

    with ScriptedServer(answer, ping_s=0.05) as server:
        got = await outcome(server)
    assert isinstance(got, anthropic.APIStatusError)
    assert (got.status_code, got.type) == (200, "overloaded_error")


def test_every_kind_is_tried_here() -> None:
    with open(__file__) as me:
        text = me.read()
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []


@pytest.mark.parametrize(
    "wrong", [{"kind": "reject_field"}, {"kind": "cut", "times": 0}, {"kind": "cut", "seconds": -1}]
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="a fault"):
        Fault(**wrong)

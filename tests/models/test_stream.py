"""Streams from a real server through the real SDK: whole, broken, silent, stopped."""

import asyncio
import contextlib
import json
import time

import pytest
from streaming import REQUEST, connected, events_of, failure
from stub_server import Answer, Line, error, refuses, says, sse, whole

from forkcli.core.context import Context
from forkcli.core.messages import Json, Message, text_block
from forkcli.core.reply import ReplyBuilder
from forkcli.engine.ports import ModelFault, ModelRequest
from forkcli.models.anthropic import AnthropicModel


def part_of_an_answer(*then: object) -> Answer:
    async def answer(line: Line) -> None:
        await line.begin()
        await line.events(*whole()[:3], *then)

    return answer


async def test_a_whole_answer_is_passed_on_as_it_came() -> None:
    async with connected(says(*whole())) as (model, _):
        first, *rest = await events_of(model)
    assert first == {"type": "request_id", "request_id": "req_7"}
    assert rest == whole()
    builder = ReplyBuilder()
    for event in rest:
        builder.feed(event)
    assert builder.assistant(1).content == (text_block("hello"),)


async def test_the_connection_serves_the_next_request_too() -> None:
    async with connected(says(*whole()), says(*whole())) as (model, stub):
        await model.limits("opus")
        model._asked.add("claude-opus-5-5")
        await events_of(model)
        await events_of(model)
        assert stub.connections == 1


async def test_a_server_that_keeps_the_body_open_after_the_answer_costs_little_time() -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        await line.events(*whole())
        await line.gone()

    async with connected(answer) as (model, _):
        assert (await events_of(model))[-1] == {"type": "message_stop"}


async def test_what_comes_after_the_end_of_the_answer_is_ignored() -> None:
    async with connected(says(*whole(), "[DONE]", {"type": "error"})) as (model, _):
        assert (await events_of(model))[-1] == {"type": "message_stop"}


async def test_pings_and_unknown_events_keep_a_slow_stream_alive() -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        for event in [{"type": "ping"}, {"type": "of_tomorrow"}] * 4:
            await line.events(event)
            await asyncio.sleep(0.15)
        await line.events(*whole())

    async with connected(answer, idle=1.0) as (model, _):
        assert len(await events_of(model)) == 1 + 8 + len(whole())


async def ends(line: Line) -> None:
    await part_of_an_answer()(line)


async def ends_without_a_reason(line: Line) -> None:
    await line.begin()
    await line.events(*whole(reason=None))


async def ends_before_its_length(line: Line) -> None:
    await line.begin(content_length="100000")
    await line.events(*whole()[:3])


async def ends_before_anything(line: Line) -> None:
    await line.begin()


async def closes_before_the_headers(line: Line) -> None:
    line.writer.close()


async def resets_at_once(line: Line) -> None:
    line.reset()


async def resets_in_the_middle(line: Line) -> None:
    await line.begin()
    await line.events(*whole()[:3])
    await asyncio.sleep(0.05)
    line.reset()


async def sends_what_is_not_http(line: Line) -> None:
    await line.send(b"\x00\x01\x02 nonsense\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        ends,
        ends_without_a_reason,
        ends_before_its_length,
        ends_before_anything,
        closes_before_the_headers,
        resets_at_once,
        resets_in_the_middle,
        sends_what_is_not_http,
    ],
)
async def test_an_answer_that_breaks_off_is_never_taken_for_one(answer: Answer) -> None:
    fault = await failure(answer)
    assert fault.fault is ModelFault.BROKEN
    assert "http://127.0.0.1:" in fault.sentence


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json\n\n",
        b"data: [1, 2]\n\n",
        b'data: "message_stop"\n\n',
        b"data: " + b"[" * 200_000 + b"\n\n",
        b"data: \xff\xfe\n\n",
        b"data: [DONE]\n\n",
    ],
)
async def test_what_cannot_be_decoded_breaks_the_stream(garbage: bytes) -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        await line.events(*whole()[:2])
        await line.send(garbage)
        await line.events(*whole()[2:])

    fault = await failure(answer)
    assert fault.fault is ModelFault.BROKEN
    assert len(fault.sentence) < 250


async def sends_no_headers(line: Line) -> None:
    await line.gone()


async def stalls(line: Line) -> None:
    await line.begin()
    await line.events(*whole()[:3])
    await line.gone()


async def drips_comments(line: Line) -> None:
    await line.begin()
    while True:
        await line.send(b": still here\n\n")
        await asyncio.sleep(0.02)


async def drips_a_line_without_end(line: Line) -> None:
    await line.begin()
    while True:
        await line.send(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answer", [sends_no_headers, stalls, drips_comments, drips_a_line_without_end])
async def test_a_stream_without_events_is_dropped(answer: Answer) -> None:
    fault = await failure(answer, idle=0.3)
    assert fault.fault is ModelFault.BROKEN
    assert "was silent for 0.3 s" in fault.sentence


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (error("Overloaded", "overloaded_error"), ModelFault.OVERLOADED),
        (error("slow down", "rate_limit_error"), ModelFault.OVERLOADED),
        (error("Internal server error", "api_error"), ModelFault.BROKEN),
        (error("prompt is too long: 9 > 8"), ModelFault.TOO_LONG),
        (error("?", "of_tomorrow"), ModelFault.BROKEN),
        ({"type": "error"}, ModelFault.BROKEN),
        ({"type": "error", "error": [1]}, ModelFault.BROKEN),
        ({"type": "error", "error": {"type": ["x"], "message": {"a": 1}}}, ModelFault.BROKEN),
    ],
)
async def test_an_error_event_is_an_error_although_the_status_was_200(event: Json, fault: ModelFault) -> None:
    assert (await failure(part_of_an_answer(event))).fault is fault


async def test_an_error_event_in_plain_text_is_shown_in_its_words() -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        await line.send(b"event: error\ndata: upstream\x1b[2J died\n\n")

    fault = await failure(answer)
    assert fault.fault is ModelFault.BROKEN
    assert fault.sentence.endswith("upstream [2J died")


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
async def test_a_page_instead_of_a_stream_is_a_wrong_base_url(kind: str) -> None:
    fault = await failure(refuses(200, b"<html>hello</html>", kind))
    assert fault.fault is ModelFault.REQUEST
    assert "check the base URL" in fault.sentence


async def test_closing_the_iterator_closes_the_connection_at_once() -> None:
    gone = asyncio.Event()

    async def answer(line: Line) -> None:
        await line.begin()
        await line.events(*whole()[:3])
        await line.gone()
        gone.set()

    async with connected(answer) as (model, _):
        stream = model.stream(REQUEST)
        async for event in stream:
            if event["type"] == "content_block_delta":
                break
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 30)


@pytest.mark.parametrize("answered", [True, False])
async def test_cancelling_the_reader_closes_the_connection_at_once(answered: bool) -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def answer(line: Line) -> None:
        if answered:
            await line.begin()
            await line.events(*whole()[:3])
        reached.set()
        await line.gone()
        gone.set()

    async with connected(answer) as (model, _):
        reading = asyncio.create_task(events_of(model))
        await reached.wait()
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(gone.wait(), 30)


async def test_thirty_streams_at_once_do_not_mix() -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        for event in whole(json.loads(line.got.body)["messages"][0]["content"][0]["text"]):
            await line.send(sse(event))
            await asyncio.sleep(0.001)

    async def ask(model: AnthropicModel, n: int) -> bool:
        context = Context((), (), (Message("user", (text_block(f"number {n}"),)),))
        events = await events_of(model, ModelRequest(context, "opus", None, 9))
        return events[3]["delta"]["text"] == f"number {n}"

    async with connected(*[answer] * 30) as (model, _):
        assert all(await asyncio.gather(*(ask(model, n) for n in range(30))))


async def test_an_answer_without_end_is_cut_off() -> None:
    async def answer(line: Line) -> None:
        await line.begin()
        with contextlib.suppress(ConnectionError):
            while True:
                await line.send(b": " + b"x" * (4 << 20) + b"\n\n" + sse({"type": "ping"}))

    fault = await failure(answer)
    assert fault.fault is ModelFault.BROKEN
    assert fault.sentence.endswith("the answer has no end")


async def test_what_breaks_after_the_end_of_the_answer_breaks_nothing() -> None:
    async def answer(line: Line) -> None:
        await line.begin(content_length="100000")
        await line.events(*whole())
        line.writer.close()

    async with connected(answer) as (model, _):
        assert (await events_of(model))[-1] == {"type": "message_stop"}


async def test_text_that_speaks_of_the_end_is_not_the_end() -> None:
    events = whole("message_stop")
    async with connected(says(*events)) as (model, _):
        assert (await events_of(model))[1:] == events


async def test_an_endpoint_of_the_version_before_is_spoken_to_in_it() -> None:
    refused = error("anthropic-version: 2026-10-21 is not a valid version")
    async with connected(refuses(400, refused), says(*whole())) as (model, stub):
        await events_of(model)
        assert [got.headers["anthropic-version"] for got in stub.got][1:] == ["2023-06-01"]


async def test_a_client_that_was_made_ahead_serves_at_once() -> None:
    async with connected(says(*whole())) as (model, _):
        await asyncio.to_thread(model.preload)
        began = time.monotonic()
        assert (await events_of(model))[-1] == {"type": "message_stop"}
        assert time.monotonic() - began < 1

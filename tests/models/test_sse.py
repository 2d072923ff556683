"""Server-sent events, however the bytes are cut; the SDK's own decoder is the oracle."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncStream
from hypothesis import given
from hypothesis import strategies as st

from forkcli.models.sse import ServerSentEvent, SseDecoder

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data: ",
        "data:  c",
        "event: x",
        "event:",
        ": comment",
        "retry: 3",
        "odd",
        "",
        "",
        "data: é",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n"])


def decoded(*chunks: bytes) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


class Body:
    """What the SDK's decoder reads from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        yield self.data


async def by_the_sdk(data: bytes) -> list[ServerSentEvent]:
    events = AsyncStream.raw_events(Body(data))  # the body is all that it uses of a response
    return [ServerSentEvent(e.event or "", e.data) async for e in events if e.data.strip()]


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.integers(1, 5))
def test_events_are_those_that_the_sdk_reads_however_they_are_cut(lines: list[tuple[str, str]], size: int) -> None:
    data = "".join(line + end for line, end in lines).encode()
    cut = [data[n : n + size] for n in range(0, len(data), size)]
    assert decoded(*cut) == decoded(data)
    assert decoded(data) == asyncio.run(by_the_sdk(data))


def test_several_data_lines_are_one_event() -> None:
    assert decoded(b"event: x\ndata: a\ndata: b\n\n") == [ServerSentEvent("x", "a\nb")]


def test_carriage_returns_alone_end_lines_too() -> None:
    assert decoded(b"data: a\r\rdata: b\r\r", b"data: c\n\n") == [
        ServerSentEvent("", "a"),
        ServerSentEvent("", "b"),
        ServerSentEvent("", "c"),
    ]


def test_an_event_that_was_cut_is_not_given_out() -> None:
    assert decoded(b"data: a\n\ndata: b\n") == [ServerSentEvent("", "a")]
    assert decoded(b"data: a") == []


def test_what_is_not_utf_8_is_an_error() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        decoded(b"data: \xff\n\n")


def test_an_event_without_data_is_none() -> None:
    assert decoded(b"event: ping\n\ndata:\n\ndata: \n\n") == []


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 90 + b"\n", b"x" * 90])
def test_an_event_without_end_is_an_error(piece: bytes) -> None:
    decoder = SseDecoder(longest=1000)
    for _ in range(9):
        assert decoder.feed(piece) == []
    with pytest.raises(ValueError, match="no end"):
        decoder.feed(piece * 4)

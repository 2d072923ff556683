"""Answers put together from stream events: whole, cut, and odd."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.entries import Usage
from forkcli.core.messages import Block, Json
from forkcli.core.reply import Delta, ReplyBuilder

FIELD = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}


def start(**usage: int) -> Json:
    message = {"id": "msg_1", "model": "claude-opus-5-5", "content": [], "stop_reason": None, "usage": usage}
    return {"type": "message_start", "message": message}


def stop(reason: str | None = "end_turn", **usage: int) -> list[Json]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


def pieces(text: str, cuts: list[int]) -> list[str]:
    points = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts)})
    return [text[a:b] for a, b in pairwise(points)]


def streamed(index: int, block: Block, cuts: list[int], *, end: bool = True) -> list[Json]:
    """The events by which the API sends a block."""
    deltas: list[Json] = []
    first = dict(block)
    if block["type"] in FIELD:
        name, delta_type = FIELD[block["type"]]
        first[name] = ""
        deltas += [{"type": delta_type, name: p} for p in pieces(block[name], cuts)]
        if "signature" in block:
            first["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif block["type"] == "tool_use":
        first["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": ""})
        deltas += [{"type": "input_json_delta", "partial_json": p} for p in pieces(json.dumps(block["input"]), cuts)]
    events = [{"type": "content_block_start", "index": index, "content_block": first}]
    events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
    return [*events, {"type": "content_block_stop", "index": index}] if end else events


def built(*events: Json) -> ReplyBuilder:
    builder = ReplyBuilder()
    for event in events:
        builder.feed(event)
    return builder


def text(value: str) -> Block:
    return {"type": "text", "text": value}


def thinking(value: str) -> Block:
    return {"type": "thinking", "thinking": value, "signature": "sig"}


def call(**arguments: object) -> Block:
    return {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": arguments}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BLOCKS = (
    st.text(min_size=1).filter(str.strip).map(text)
    | st.text().map(thinking)
    | st.dictionaries(st.text(), VALUES, max_size=3).map(lambda value: {**call(), "input": value})
    | st.just({"type": "redacted_thinking", "data": "xyz"})
    | st.just({"type": "of_tomorrow", "payload": {"a": [1]}})
)


@given(st.lists(BLOCKS, max_size=5), st.lists(st.integers(0, 500), max_size=5))
def test_blocks_come_out_as_they_would_have_come_whole(blocks: list[Block], cuts: list[int]) -> None:
    blocks = [*blocks, text("the end")]
    sent = [event for n, block in enumerate(blocks) for event in streamed(n, block, cuts)]
    entry = built(start(), *sent, *stop()).assistant(5)
    assert list(entry.content) == blocks
    assert entry.lost == ()
    assert not entry.cut


JUNK = st.none() | st.integers() | st.sampled_from(["x", [], [1], {}, {"type": 7}, {"type": "text_delta", "text": 5}])
ODD = st.fixed_dictionaries(dict.fromkeys(["index", "delta", "content_block", "usage", "message"], JUNK))
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
)


@given(st.lists(st.tuples(KINDS, ODD), max_size=6))
def test_junk_of_any_shape_is_tolerated(events: list[tuple[str, Json]]) -> None:
    builder = built(*({**body, "type": kind} for kind, body in events))
    assert not builder.finished
    builder.partial(1)


def test_text_and_thinking_reach_the_screen_as_they_come() -> None:
    builder = built(start())
    shown = [d for e in [*streamed(0, thinking("hm"), [1]), *streamed(1, text("yes"), [])] for d in builder.feed(e)]
    assert shown == [Delta("h", thinking=True), Delta("m", thinking=True), Delta("yes")]


def test_usage_of_the_start_is_updated_by_the_end() -> None:
    entry = built(
        start(input_tokens=10, output_tokens=1, cache_read_input_tokens=7, cache_creation_input_tokens=3),
        *streamed(0, text("a"), []),
        *stop(output_tokens=42),
    ).assistant(1)
    assert entry.usage == Usage(10, 42, 7, 3)


@pytest.mark.parametrize("usage", [None, "many", {"input_tokens": None, "output_tokens": -4}, {"input_tokens": True}])
def test_missing_or_odd_usage_counts_as_nothing(usage: object) -> None:
    begin = {"type": "message_start", "message": {"id": "m", "usage": usage}}
    assert built(begin, *stop()).assistant(1).usage == Usage()


def test_ids_and_stop_details_are_kept() -> None:
    details = {"category": "cyber"}
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}}
    entry = built({"type": "request_id", "request_id": "req_9"}, start(), end, {"type": "message_stop"}).assistant(7)
    assert (entry.request_id, entry.message_id, entry.model, entry.ms) == ("req_9", "msg_1", "claude-opus-5-5", 7)
    assert entry.stop_details == details
    assert entry.content == ()


@pytest.mark.parametrize("events", [[], [start()], [start(), *stop()[:1]], [start(), *stop(None)]])
def test_an_answer_without_its_end_is_not_finished(events: list[Json]) -> None:
    builder = built(*events)
    assert not builder.finished
    with pytest.raises(ValueError, match="not complete"):
        builder.assistant(1)


@pytest.mark.parametrize(
    "written", ['{"command": "rm -', "[1]", "NaN", '{"a": NaN}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_a_call_that_does_not_parse_is_lost_with_its_text(written: str) -> None:
    events = streamed(1, call(), [])
    events[1:-1] = [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": written}}
    ]
    entry = built(start(), *streamed(0, text("a"), []), *events, *stop("max_tokens")).assistant(1)
    assert entry.content == (text("a"),)
    assert entry.lost[0]["partial_json"] == written
    assert entry.stop_reason == "max_tokens"


def test_a_call_without_input_deltas_keeps_the_input_it_began_with() -> None:
    begin = {"type": "content_block_start", "index": 0, "content_block": call(command="ls")}
    entry = built(start(), begin, {"type": "content_block_stop", "index": 0}, *stop("tool_use")).assistant(1)
    assert entry.content == (call(command="ls"),)


def test_citations_are_gathered() -> None:
    events = streamed(0, text("fact"), [])
    cited = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"n": 1}}}
    entry = built(start(), *events[:-1], cited, events[-1], *stop()).assistant(1)
    assert entry.content == ({"type": "text", "text": "fact", "citations": [{"n": 1}]},)


def test_unknown_deltas_are_tolerated() -> None:
    block = {"type": "of_tomorrow", "a": 1}
    odd = {"type": "content_block_delta", "index": 0, "delta": {"type": "tomorrow_delta", "x": 1}}
    events = streamed(0, block, [])
    assert built(start(), events[0], odd, events[1], *stop()).assistant(1).content == (block,)


def test_text_deltas_without_a_block_start_are_not_lost() -> None:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}
    assert built(start(), delta, *stop()).assistant(1).content == (text("hello"),)


def test_a_block_of_white_space_alone_cannot_be_sent_back_and_is_lost() -> None:
    entry = built(start(), *streamed(0, text("\n\n"), []), *streamed(1, call(), []), *stop("tool_use")).assistant(1)
    assert entry.content == (call(),)
    assert entry.lost == (text("\n\n"),)


def test_thinking_with_nothing_after_it_is_lost() -> None:
    entry = built(start(), *streamed(0, text("a"), []), *streamed(1, thinking("b"), []), *stop("max_tokens")).assistant(
        1
    )
    assert entry.content == (text("a"),)
    assert entry.lost == (thinking("b"),)


def test_a_stopped_answer_keeps_whole_blocks_and_the_text_that_came() -> None:
    entry = built(
        start(input_tokens=9),
        *streamed(0, thinking("plan"), []),
        *streamed(1, call(command="ls"), []),
        *streamed(2, text("I wi"), [], end=False),
    ).partial(3)
    assert entry is not None
    assert entry.content == (thinking("plan"), call(command="ls"), text("I wi"))
    assert entry.cut
    assert entry.stop_reason == ""
    assert entry.usage.input_tokens == 9


def test_a_stopped_answer_loses_an_unfinished_call_and_the_thinking_before_it() -> None:
    unfinished = streamed(2, call(command="ls"), [], end=False)
    entry = built(start(), *streamed(0, text("a"), []), *streamed(1, thinking("b"), []), *unfinished).partial(3)
    assert entry is not None
    assert entry.content == (text("a"),)
    assert [b["type"] for b in entry.lost] == ["thinking", "tool_use"]


def test_of_a_stopped_answer_that_only_thought_nothing_is_kept() -> None:
    assert built(start(), *streamed(0, thinking("b"), [])).partial(3) is None
    assert built(start(), *streamed(0, thinking("b"), [], end=False)).partial(3) is None
    assert built(start(), *streamed(0, text(" "), [], end=False)).partial(3) is None
    assert built().partial(3) is None


def test_blocks_that_the_start_already_holds_are_kept() -> None:
    begin = {"type": "message_start", "message": {"content": [text("early"), 7], "stop_reason": "end_turn"}}
    assert built(begin, {"type": "message_stop"}).assistant(1).content == (text("early"),)

"""Request bodies: the bytes of what was sent never change, and cache marks stand where they serve."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.context import Context
from forkcli.core.messages import Block, Json, Message, text_block, tool_result_block
from forkcli.engine.ports import ModelRequest
from forkcli.models.caps import FULL, LEAST, Caps
from forkcli.models.request import MARK, request_body, without_thinking

SYSTEM = (text_block("be kind"), text_block("be brief"))
TOOLS = ({"name": "bash", "description": "runs", "input_schema": {"type": "object"}},)
CALL = {"type": "tool_use", "id": "t1", "name": "bash", "input": {}}
THINKING = {"type": "thinking", "thinking": "", "signature": "s"}
MARK_BYTES = b',"cache_control":{"type":"ephemeral"}'


def user(*blocks: Block | str) -> Message:
    return Message("user", tuple(text_block(b) if isinstance(b, str) else b for b in blocks))


def answer(*blocks: Block | str) -> Message:
    return Message("assistant", tuple(text_block(b) if isinstance(b, str) else b for b in blocks))


def result(text: str = "done") -> Block:
    return tool_result_block("t1", [text_block(text)], is_error=False)


def request(*messages: Message, pins: tuple[tuple[int, int], ...] = (), **options: Any) -> ModelRequest:
    context = Context(options.pop("system", SYSTEM), options.pop("tools", TOOLS), messages)
    return ModelRequest(context, options.pop("model", "opus"), options.pop("effort", None), 1000, pins)


def body(asked: ModelRequest, caps: Caps = FULL) -> Json:
    value = json.loads(request_body(asked, caps))
    assert isinstance(value, dict)
    return value


def marked(value: Json) -> list[tuple[str, int, int]]:
    """Where the marks stand: (part, message, block)."""
    found = [("tools", 0, n) for n, b in enumerate(value.get("tools", [])) if "cache_control" in b]
    system = value.get("system", [])
    found += [("system", 0, n) for n, b in enumerate(system) if isinstance(b, dict) and "cache_control" in b]
    for m, message in enumerate(value["messages"]):
        found += [("messages", m, n) for n, b in enumerate(message["content"]) if "cache_control" in b]
    return found


def test_a_first_request_marks_the_system_prompt_and_the_tail() -> None:
    sent = body(request(user("hi", "there")))
    assert marked(sent) == [("system", 0, 1), ("messages", 0, 1)]
    assert sent["model"] == "claude-opus-5-5"
    assert sent["stream"] is True
    assert list(sent)[-1] == "messages"


def test_a_later_request_also_marks_what_the_previous_one_ended_with() -> None:
    sent = body(request(user("hi"), answer(CALL), user(result()), answer(CALL), user(result())))
    assert marked(sent) == [("system", 0, 1), ("messages", 2, 0), ("messages", 4, 0)]


def test_the_previous_tail_is_found_before_several_user_messages() -> None:
    sent = body(request(user("a"), user("b"), answer("c"), user("d"), user("e")))
    assert marked(sent) == [("system", 0, 1), ("messages", 1, 0), ("messages", 4, 0)]


def test_a_pin_is_marked_besides() -> None:
    turns = [m for _ in range(4) for m in (user("q"), answer("a"))]
    sent = body(request(*turns, user("last"), pins=((2, -1),)))
    assert marked(sent) == [("system", 0, 1), ("messages", 2, 0), ("messages", 6, 0), ("messages", 8, 0)]


PLACES = st.tuples(st.integers(-3, 12), st.integers(-3, 3))


@given(st.lists(PLACES, max_size=6), st.integers(0, 5), st.booleans())
def test_there_are_never_more_than_four_marks(pins: list[tuple[int, int]], turns: int, bare: bool) -> None:
    messages = [m for _ in range(turns) for m in (user("q"), answer(THINKING, "a"))]
    asked = request(*messages, user("last"), pins=tuple(pins), system=() if bare else SYSTEM)
    places = marked(body(asked))
    assert 2 <= len(places) <= 4
    assert ("messages", len(messages), 0) in places


def test_two_blocks_of_one_message_can_be_marked() -> None:
    sent = body(request(user("q"), answer("a"), user("shared", "own"), pins=((2, 0),)))
    assert marked(sent)[-2:] == [("messages", 2, 0), ("messages", 2, 1)]


def test_thinking_and_empty_text_are_never_marked() -> None:
    sent = body(request(user("hi"), answer(CALL, THINKING)))
    assert marked(sent)[-1] == ("messages", 1, 0)
    sent = body(request(user("hi", "")))
    assert marked(sent)[-1] == ("messages", 0, 0)
    sent = body(request(user("hi"), answer(THINKING), user("more")))
    assert marked(sent)[1:] == [("messages", 0, 0), ("messages", 2, 0)]


def test_without_a_system_prompt_the_last_tool_is_marked() -> None:
    assert marked(body(request(user("hi"), system=())))[0] == ("tools", 0, 0)
    assert "cache_control" not in TOOLS[0]


def test_where_only_text_takes_marks_the_last_text_gets_it() -> None:
    sent = body(request(user("hi"), answer(CALL), user(result(), "and then")), Caps(marks="text"))
    assert marked(sent) == [("system", 0, 1), ("messages", 0, 0), ("messages", 2, 1)]
    sent = body(request(user("hi"), answer(CALL), user(result())), Caps(marks="text"))
    assert marked(sent) == [("system", 0, 1), ("messages", 0, 0)]


def test_the_least_is_what_the_oldest_servers_took() -> None:
    sent = body(request(user("hi"), answer(THINKING), user("more"), effort="high"), LEAST)
    assert sorted(sent) == ["max_tokens", "messages", "model", "stream", "system", "tools"]
    assert sent["system"] == "be kind\n\nbe brief"
    assert marked(sent) == []
    assert sent["messages"][1]["content"] == [text_block("(thinking)")]


@pytest.mark.parametrize(
    ("model", "thinks", "effort"),
    [
        ("claude-opus-5-5", True, True),
        ("haiku", True, True),
        ("anthropic/claude-opus-5.5", True, True),
        ("claude-opus-4-8", True, True),
        ("claude-haiku-4-5-20251001", False, False),
        ("claude-3-5-haiku-20241022", False, False),
        ("claude-opus-4-20250514", False, False),
        ("claude-opus-9", True, True),
        ("qwen3-coder", False, True),
    ],
)
def test_thinking_and_effort_go_with_the_models_family(model: str, thinks: bool, effort: bool) -> None:
    sent = body(request(user("hi"), model=model, effort="low"))
    assert sent.get("thinking") == ({"type": "adaptive", "display": "summarized"} if thinks else None)
    assert sent.get("output_config") == ({"effort": "low"} if effort else None)
    assert "output_config" not in body(request(user("hi"), model=model))


def test_a_smaller_output_is_asked_for_where_the_endpoint_takes_no_more() -> None:
    assert body(request(user("hi")), Caps(max_tokens=64))["max_tokens"] == 64
    assert body(request(user("hi")), Caps(max_tokens=9999))["max_tokens"] == 1000


TEXTS = st.text(min_size=1)
BLOCKS = st.builds(text_block, TEXTS) | st.just(CALL) | st.just(THINKING) | st.builds(result, TEXTS)


@given(st.lists(st.lists(BLOCKS, min_size=1, max_size=3), min_size=1, max_size=6), st.integers(1, 3))
def test_what_was_sent_once_is_sent_in_the_same_bytes(content: list[list[Block]], more: int) -> None:
    messages = [Message("user" if n % 2 == 0 else "assistant", tuple(blocks)) for n, blocks in enumerate(content)]
    early, late = request(*messages), request(*messages, *[user("more")] * more)
    before, after = (request_body(r, FULL).replace(MARK_BYTES, b"") for r in (early, late))
    assert after.startswith(before.removesuffix(b"]}"))
    assert b",".join(m.raw for m in messages) in before


def test_a_lone_surrogate_still_makes_a_valid_body() -> None:
    sent = body(request(user("caf\u00e9 \ud800"), answer("ok"), user("gr\u00fcn")))
    assert sent["messages"][0]["content"][0]["text"] == "caf\u00e9 \ud800"


def test_only_answers_lose_their_thinking() -> None:
    said = user("hi")
    assert without_thinking(said) is said
    assert without_thinking(answer(THINKING, "a")).content == (text_block("a"),)
    assert b"thinking" not in without_thinking(answer(THINKING, "a")).raw
    assert MARK == {"type": "ephemeral"}


def test_a_request_that_is_not_streamed_says_nothing_of_streams() -> None:
    assert "stream" not in json.loads(request_body(request(user("hi")), FULL, stream=False))

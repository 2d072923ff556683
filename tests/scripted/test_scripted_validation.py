"""What the real API refuses, the scripted one refuses too, in the same shape."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_wire import BASH, Json, ask, assistant, post, result, sdk, use, user

from forkcli.models.scripted import ModelInfo, Reply, ScriptedServer, reply, say
from forkcli.models.scripted.catalog import CATALOG
from forkcli.models.scripted.refusal import RefusalError
from forkcli.models.scripted.validate import check_request

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
CALL = use("t1", command="ls")
FORK = (user("go"), assistant("I look.", CALL, use("t2")))


def refusal(request: object, **options: object) -> str:
    """What is wrong with a request; empty when nothing is."""
    try:
        check_request(request, CATALOG, **options)
    except RefusalError as no:
        return no.message if no.status == 400 else f"{no.status}: {no.message}"
    return ""


def text(value: str, **more: object) -> Json:
    return {**say(value), **more}


@pytest.mark.parametrize(
    "request_",
    [
        ask(),
        ask({"role": "user", "content": "a plain string"}),
        ask(user("a"), user("b"), assistant("c"), user("d")),
        ask(*FORK, user(result("t1"), result("t2"), "and go on"), tools=[BASH]),
        ask(*FORK, user(result("t2"), result("t1", is_error=True)), user("more")),
        ask(*FORK, user({"type": "tool_result", "tool_use_id": "t1"}, result("t2", content=[say("x"), PNG]))),
        ask(user(PNG, "what is this?")),
        ask(user(text("x", cache_control=HOUR)), system=[text("s", cache_control=HOUR)], tools=[BASH]),
        ask(user("a"), {"role": "system", "content": "be brief"}),
        ask(thinking={"type": "adaptive", "display": "summarized"}, output_config={"effort": "xhigh"}),
        ask(max_tokens=0),
        ask(model="claude-haiku-4-5", temperature=0.5, tool_choice={"type": "any"}),
        ask(user("a"), assistant("Sure,"), model="claude-haiku-4-5"),
        ask(user("a"), {"role": "assistant", "content": ""}, model="claude-haiku-4-5"),
        ask(stop_sequences=["x"], metadata={"user_id": "u"}, service_tier="auto", cache_control=MARK),
    ],
    ids=lambda r: str(r)[30:90],
)
def test_what_is_sound_passes(request_: Json) -> None:
    assert refusal(request_) == ""


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        # roles and emptiness
        (ask() | {"messages": []}, "at least one message"),
        (ask() | {"messages": "hi"}, "valid list"),
        (ask() | {"messages": ["hi"]}, "messages.0: "),
        (ask(assistant("hi"), user("a")), 'first message must use the "user" role'),
        (ask(user("a"), assistant("b"), assistant("c"), user("d")), 'multiple "assistant" roles in a row'),
        (ask(user("a"), {"role": "robot", "content": "x"}), "messages.1.role"),
        (ask({"role": "user"}), "messages.0.content: Field required"),
        (ask({"role": "user", "content": 7}), "messages.0.content: "),
        (ask({**user("a"), "name": "me"}), "messages.0.name: Extra inputs"),
        (ask(user()), "all messages must have non-empty content"),
        (ask({"role": "user", "content": ""}), "all messages must have non-empty content"),
        (ask(user("a"), assistant(), user("b")), "all messages must have non-empty content"),
        (ask(user(" \n\t")), "non-whitespace text"),
        (ask(user("")), "must be non-empty"),
        (ask(user(text("", cache_control=MARK))), "cache_control cannot be set for empty text"),
        (ask(user("a"), assistant("so")), "does not support assistant message prefill"),
        (ask(user("a"), assistant("so "), model="claude-haiku-4-5"), "trailing whitespace"),
        # system messages
        (ask({"role": "system", "content": "x"}, user("a")), "first message"),
        (ask(user("a"), assistant("b"), {"role": "system", "content": "x"}), "must follow a user message"),
        (ask(user("a"), {"role": "system", "content": "x"}, user("b")), "must follow a user message"),
        (ask(user("a"), {"role": "system", "content": "x"}, model="claude-haiku-4-5"), "'system' is not supported"),
        # calls of tools and their results
        (ask(*FORK), "t1, t2"),
        (ask(*FORK, user("never mind")), "without `tool_result` blocks immediately after: t1, t2"),
        (ask(*FORK, user(result("t1"))), "immediately after: t2"),
        (ask(*FORK, user(result("t1")), user(result("t2"))), "immediately after: t2"),
        (ask(*FORK, user("first", result("t1"), result("t2"))), "must come first"),
        (ask(*FORK, user(result("t1"), "so", result("t2"))), "must come first"),
        (ask(*FORK, user(result("t1"), result("t2"), result("t3"))), "unexpected `tool_use_id`"),
        (ask(*FORK, user(result("t1"), result("t2"), result("t1"))), "each tool_use must have a single result"),
        (ask(user(result("t1"))), "unexpected `tool_use_id`"),
        (ask(user("a"), assistant("b"), user(result("t1"))), "unexpected `tool_use_id`"),
        (
            ask(*FORK, user(result("t1"), result("t2")), *FORK[1:], user(result("t1"), result("t2"))),
            "ids must be unique",
        ),
        (ask(user("a"), assistant(CALL, CALL), user(result("t1"))), "ids must be unique"),
        (ask(user("a"), assistant(use("t 1")), user(result("t 1"))), "tool_use.id: String should match"),
        (ask(user("a"), assistant({**CALL, "input": "ls"}), user(result("t1"))), "tool_use.input"),
        (ask(user("a"), assistant({**CALL, "why": 1}), user(result("t1"))), "tool_use.why: Extra inputs"),
        (ask(user("a"), assistant(CALL), user(result("t1", note=1))), "tool_result.note: Extra inputs"),
        (ask(user("a"), assistant(CALL), user(result("t1", content=[CALL]))), "tool_result.content.0: Input tag"),
        (ask(user("a"), assistant(CALL), user(result("t1", content=7))), "tool_result.content"),
        (ask(user("a"), assistant(CALL), user(result("t1", is_error="no"))), "is_error"),
        # other blocks
        (ask(user(CALL)), "Input tag 'tool_use'"),
        (ask(user("a"), assistant(PNG), user("b")), "Input tag 'image'"),
        (ask(user({"text": "x"})), "type: Field required"),
        (ask({"role": "user", "content": ["x"]}), "valid dictionary"),
        (ask(user(text("x", colour="red"))), "text.colour: Extra inputs"),
        (ask(user({"type": "text"})), "text.text: Field required"),
        (ask(user({**PNG, "source": {"type": "base64", "media_type": "image/bmp", "data": "A"}})), "media_type"),
        (ask(user({**PNG, "source": {**PNG["source"], "data": "A" * 6_000_000}})), "exceeds 5 MB"),
        # cache marks
        (ask(user(*(text(str(i), cache_control=MARK) for i in range(5)))), "maximum of 4 blocks"),
        (ask(user(*(text(str(i), cache_control=MARK) for i in range(4))), cache_control=MARK), "Found 5"),
        (ask(user(text("x", cache_control={"type": "forever"}))), "cache_control.type"),
        (ask(user(text("x", cache_control={**MARK, "ttl": "2h"}))), "cache_control.ttl"),
        (ask(user(text("a", cache_control=MARK), text("b", cache_control=HOUR))), "must not come after"),
        (ask(user(text("a", cache_control=HOUR)), cache_control=MARK), "another ttl"),
        # the top level
        (ask(temprature=1), "temprature: Extra inputs are not permitted"),
        (ask(context_management={}), "context_management: Extra inputs"),
        ([1], "valid dictionary"),
        ({"model": "claude-opus-5-5", "max_tokens": 1}, "messages: Field required"),
        ({k: v for k, v in ask().items() if k != "max_tokens"}, "max_tokens: Field required"),
        ({k: v for k, v in ask().items() if k != "model"}, "model: Field required"),
        (ask(max_tokens=-1), "greater than or equal to 0"),
        (ask(max_tokens=True), "valid integer"),
        (ask(max_tokens=200_000), "200000 > 128000"),
        (ask(max_tokens=0, stream=True), "cannot be combined"),
        (ask(stream="yes"), "stream: "),
        (ask(temperature=1), "`temperature` is deprecated"),
        (ask(system=7), "system: "),
        (ask(system=[PNG]), "system.0: Input tag"),
        (ask(system=""), ""),
        (ask(thinking={"type": "enabled", "budget_tokens": 2000}), "not supported for this model"),
        (ask(thinking={"type": "disabled"}), "not supported for this model"),
        (ask(thinking={"type": "adaptive", "display": "full"}), "thinking.display"),
        (ask(thinking={"type": "adaptive", "depth": 3}), "thinking.adaptive.depth"),
        (ask(thinking="yes"), "thinking: "),
        (ask(output_config={"effort": "extreme"}), "output_config.effort"),
        (ask(output_config={"zeal": 1}), "output_config.zeal"),
        (ask(output_config={"effort": "low"}, model="claude-haiku-4-5"), "does not support the effort"),
        (ask(tool_choice={"type": "any"}), "tool_choice"),
        (ask(tool_choice={"type": "whatever"}), "tool_choice"),
        # tools
        (ask(tools={}), "tools: "),
        (ask(tools=[BASH, BASH]), "Tool names must be unique"),
        (ask(tools=[{**BASH, "name": "rm -rf"}]), "tools.0.custom.name"),
        (ask(tools=[{**BASH, "name": ""}]), "tools.0.custom.name"),
        (ask(tools=[{"name": "bash"}]), "input_schema: Field required"),
        (ask(tools=[{**BASH, "input_schema": {"type": "array"}}]), "input_schema.type"),
        (ask(tools=[{**BASH, "hint": 1}]), "tools.0.custom.hint"),
        (ask(tools=[{**BASH, "type": "bash_20250124"}]), "not served here"),
        (ask(user("x" * 900_000), model="claude-haiku-4-5"), "prompt is too long: 225"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_api_refuses_is_refused(request_: object, words: str) -> None:
    assert words in refusal(request_)
    assert bool(words) == bool(refusal(request_))


def test_fields_of_betas_need_a_beta() -> None:
    assert refusal(ask(context_management={}), betas=["context-management-2025-06-27"]) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "id", "ttl", "cache_control"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["messages", "system", "tools", "thinking", "output_config", "tool_choice"]), json_values)
@settings(max_examples=150, deadline=None)
def test_no_nonsense_breaks_the_check(field: str, value: object) -> None:
    refusal(ask(**{field: value}) if field != "messages" else {**ask(), "messages": value})


@given(json_values, st.sampled_from(["text", "image", "tool_use", "tool_result", "thinking"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_nonsense_in_a_block_breaks_the_check(value: object, kind: str, mine: bool) -> None:
    fields = [
        "text",
        "source",
        "input",
        "id",
        "name",
        "tool_use_id",
        "content",
        "thinking",
        "signature",
        "cache_control",
    ]
    for field in fields:
        block = {"type": kind, "id": "t", "name": "n", "tool_use_id": "t", field: value}
        refusal(ask(user("a"), (assistant if mine else user)(block), user("b")))


# --- over the wire ------------------------------------------------------------------------------------------------


async def test_the_sdk_sees_the_errors_it_knows() -> None:
    import anthropic

    with ScriptedServer([reply("x")]) as server:
        async with sdk(server) as client:
            with pytest.raises(anthropic.BadRequestError, match="first message") as bad:
                await client.messages.create(**ask(assistant("x"), user("y")))
            with pytest.raises(anthropic.NotFoundError, match="model: claude-nothing"):
                await client.messages.create(**ask(model="claude-nothing"))
            with pytest.raises(anthropic.BadRequestError, match="at least one message"):
                await client.messages.count_tokens(model="claude-opus-5-5", messages=[])
        async with sdk(server, api_key="bad") as client:
            with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
                await client.messages.create(**ask())
        assert len(server.refusals) == 3
    assert bad.value.type == "invalid_request_error"
    assert re.fullmatch(r"req_\w+", bad.value.request_id)


def test_a_key_is_needed_in_either_header_unless_switched_off() -> None:
    with ScriptedServer([Reply([say("x")], times=0)]) as server:
        assert post(server, ask(), x_api_key="")[0] == 401
        assert post(server, ask(), x_api_key="", authorization="Bearer k")[0] == 200
        assert post(server, ask(), x_api_key="", authorization="Bearer bad")[0] == 401
    with ScriptedServer([reply("x")], require_key=False) as server:
        assert post(server, ask(), x_api_key="")[0] == 200


def test_a_server_that_checks_nothing_takes_what_it_can_read() -> None:
    odd = ask(assistant("x"), assistant("y"), model="anything", temprature=3)
    with ScriptedServer([Reply([say("x")], times=0)], check=False) as server:
        assert post(server, odd)[0] == 200
        assert post(server, ask() | {"messages": 3})[0] == 400
        assert post(server, ask(user("a"), {"role": "user", "content": [3]}))[0] == 400


def test_rules_of_a_model_can_be_given() -> None:
    small = ModelInfo("tiny", window=100, max_output=10)
    with ScriptedServer([reply("x")], models=[small]) as server:
        assert "11 > 10" in post(server, ask(model="tiny", max_tokens=11))[1]["error"]["message"]
        assert "too long" in post(server, ask(user("x" * 500), model="tiny", max_tokens=9))[1]["error"]["message"]
        assert post(server, ask(model="tiny", max_tokens=9))[0] == 200

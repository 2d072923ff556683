"""Fields that an endpoint refuses: left out, told, remembered; everything else is shown in its words."""

import json
from typing import Any

import pytest
from streaming import REQUEST, connected, events_of, failure
from stub_server import Stub, error, refuses, says, whole

from forkcli.engine.ports import ModelError, ModelFault, ModelRequest
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.caps import FULL, Caps


async def test_a_field_that_the_server_does_not_know_is_left_out_told_and_remembered() -> None:
    refused = error("thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags")
    fixed = Caps(marks="none")
    async with connected(refuses(400, refused), says(*whole()), says(*whole()), caps=fixed) as (model, stub):
        assert (await events_of(model))[0] == {"type": "left_out", "what": "thinking"}
        assert (await events_of(model))[0]["type"] == "request_id"
        assert ["thinking" in got.json for got in stub.got] == [True, False, False]


async def test_several_refused_fields_are_left_out_one_after_the_other() -> None:
    answers = [
        refuses(400, error("thinking: Extra inputs are not permitted")),
        refuses(422, {"detail": [{"loc": ["body", "output_config"], "msg": "Extra inputs are not permitted"}]}),
        refuses(400, error("max_tokens: 100 > 64, which is the maximum allowed number of output tokens")),
        says(*whole()),
    ]
    request = ModelRequest(REQUEST.context, "opus", "high", 100)
    async with connected(*answers, caps=FULL) as (model, stub):
        await events_of(model, request)
        last = stub.got[-1].json
    assert (last["max_tokens"], "thinking" in last, "output_config" in last) == (64, False, False)


async def test_what_an_endpoint_refused_is_remembered_by_the_next_process(tmp_path: Any) -> None:
    memory = tmp_path / "endpoints.json"
    async with Stub([refuses(400, error("cache_control: not supported")), *[says(*whole())] * 2]) as stub:
        for _ in range(2):
            model = AnthropicModel(base_url=stub.url, memory_file=memory)
            await events_of(model)
            await model.close()
    assert [b"cache_control" in got.body for got in stub.got] == [True, True, True]  # from all blocks to text alone
    assert json.loads(memory.read_text())["endpoints"][f"{stub.url} claude-opus-5-5"]["caps"]["marks"] == "text"
    assert len(stub.got) == 3


async def test_a_refusal_without_words_is_answered_with_the_least_once() -> None:
    async with connected(refuses(400, b"Bad Request", "text/plain"), says(*whole())) as (model, stub):
        await events_of(model)
        assert stub.got[1].json["system"] == "be kind"
        assert b"cache_control" not in stub.got[1].body
    fault = await failure(refuses(400, b"", "text/plain"), refuses(400, b"", "text/plain"))
    assert fault.fault is ModelFault.REQUEST


async def test_a_refusal_of_something_else_is_shown_in_the_servers_words() -> None:
    words = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1"
    fault = await failure(refuses(400, error(words)))
    assert fault.fault is ModelFault.REQUEST
    assert words in fault.sentence
    assert fault.status == 400


async def test_a_refusal_is_learned_from_at_most_eight_times() -> None:
    limits = [refuses(400, error(f"max_tokens: 100 > {90 - n}")) for n in range(12)]
    async with connected(*limits) as (model, stub):
        with pytest.raises(ModelError, match="max_tokens"):
            await events_of(model)
        assert len(stub.got) == 9

"""The whole way with everything switched on, against a server that checks requests as the API does."""

from itertools import pairwise

from forkcli.core.context import Context
from forkcli.core.entries import Assistant, Usage
from forkcli.core.messages import Message, calls_of, text_block, tool_result_block
from forkcli.core.reply import ReplyBuilder
from forkcli.engine.ports import ModelRequest
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.caps import FULL
from forkcli.models.scripted.faults import Fault
from forkcli.models.scripted.script import Reply, call, reply, say, think
from forkcli.models.scripted.server import ScriptedServer

SYSTEM = (text_block("You fix bugs. " * 400),)
TOOLS = ({"name": "bash", "description": "runs", "input_schema": {"type": "object", "properties": {}}},)


async def answered(model: AnthropicModel, messages: list[Message]) -> Assistant:
    builder = ReplyBuilder()
    request = ModelRequest(Context(SYSTEM, TOOLS, tuple(messages)), "opus", "high", 8000)
    async for event in model.stream(request):
        builder.feed(event)
    return builder.assistant(ms=1)


def turn(width: int) -> Reply:
    return reply(think("which command?"), say("I look"), *(call("bash", command=f"ls {n}") for n in range(width)))


async def test_steps_with_thinking_and_many_calls_read_all_that_was_sent_before_from_the_cache() -> None:
    messages = [Message("user", (text_block("find it"),))]
    answers: list[Assistant] = []
    with ScriptedServer([turn(1), turn(12), turn(12), turn(1), reply(think("so"), "found")]) as server:
        model = AnthropicModel(base_url=server.base_url, caps=FULL)
        while not answers or answers[-1].stop_reason == "tool_use":
            answers.append(await answered(model, messages))
            results = [
                tool_result_block(c["id"], [text_block("x" * 500)], is_error=False)
                for c in calls_of(answers[-1].content)
            ]
            messages += [Message("assistant", answers[-1].content), Message("user", tuple(results))]
        await model.close()
        assert server.refusals == []
        assert server.requests[0].body["thinking"] == {"type": "adaptive", "display": "summarized"}
        assert server.requests[0].body["output_config"] == {"effort": "high"}
    assert len(answers) == 5
    for before, after in pairwise(answers):
        assert after.usage.cache_read_input_tokens >= before.usage.prompt_tokens - before.usage.input_tokens
        assert after.usage.cache_read_input_tokens > 0
        assert after.usage.input_tokens <= 8


async def test_a_server_without_thinking_and_effort_is_learned_from_once() -> None:
    with ScriptedServer([reply("first"), reply("second")], rejects=("thinking", "output_config")) as server:
        model = AnthropicModel(base_url=server.base_url, caps=FULL)
        for _ in range(2):
            await answered(model, [Message("user", (text_block("hi"),))])
        await model.close()
        sent = [{"thinking", "output_config"} & set(r.body) for r in server.requests]
        assert len(sent) == 4
        assert sent[2:] == [set(), set()]


async def test_a_server_that_leaves_out_usage_is_tolerated() -> None:
    with ScriptedServer([Reply([say("hi")], fault=Fault("drop_usage"))]) as server:
        model = AnthropicModel(base_url=server.base_url)
        answer = await answered(model, [Message("user", (text_block("hi"),))])
        await model.close()
    assert answer.content == (text_block("hi"),)
    assert answer.usage == Usage()

"""What the server answers when all is well, as the real SDK sees it."""

import asyncio
import contextlib
import time

import pytest
from scripted_wire import BASH, MODEL, ask, assistant, connect, events, http, post, raw, result, sdk, user

from forkcli.models.scripted import Reply, ScriptedServer, call, newest_text, reply, say, think


async def test_a_streamed_reply_arrives_whole_and_in_chunks() -> None:
    text = "Grüße, 世界 🌍 " * 20
    with ScriptedServer([reply(think("let me see"), text, call("bash", command="echo 'ü'"))]) as server:
        async with sdk(server) as client, client.messages.stream(**ask(tools=[BASH])) as stream:
            message = await stream.get_final_message()
    thinking, said, use = message.content
    assert (thinking.thinking, said.text, use.input) == ("let me see", text, {"command": "echo 'ü'"})
    assert thinking.signature
    assert message.stop_reason == "tool_use"
    assert server.refusals == []


async def test_the_events_come_in_the_order_of_the_api() -> None:
    with ScriptedServer([Reply([think("abc"), say("hello"), call("bash", command="ls")], chunk_chars=3)]) as server:
        async with sdk(server) as client:
            got = await events(client, ask(tools=[BASH]))
    kinds = [e["delta"]["type"] if e["type"] == "content_block_delta" else e["type"] for e in got]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
    assert [k for k in kinds if k.endswith("_delta")] == [
        "thinking_delta",
        "signature_delta",
        "text_delta",
        "text_delta",
        *["input_json_delta"] * 7,
        "message_delta",
    ]


async def test_the_same_reply_is_given_without_a_stream() -> None:
    with ScriptedServer([Reply([say("hello")], stop_reason="max_tokens")]) as server:
        async with sdk(server) as client:
            message = await client.messages.create(**ask())
    assert message.content[0].text == "hello"
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens > 0
    assert message.model == MODEL


async def test_a_refusal_carries_its_details() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    with ScriptedServer([Reply(stop_reason="refusal", stop_details=details)]) as server:
        async with sdk(server) as client:
            got = await events(client, ask())
    assert got[-2]["delta"]["stop_details"] == details


async def test_usage_can_be_prescribed() -> None:
    with ScriptedServer([Reply([say("x")], usage={"cache_read_input_tokens": 7, "output_tokens": 9})]) as server:
        async with sdk(server) as client:
            got = await events(client, ask())
    assert got[-2]["usage"]["cache_read_input_tokens"] == 7
    assert got[0]["message"]["usage"]["cache_read_input_tokens"] == 7
    assert got[-2]["usage"]["output_tokens"] == 9


async def test_an_input_cut_by_max_tokens_can_be_scripted() -> None:
    cut = {**call("bash"), "partial_json": '{"command": "rm -'}
    with ScriptedServer([Reply([cut], stop_reason="max_tokens")]) as server:
        async with sdk(server) as client:
            got = await events(client, ask())
    pieces = [e["delta"]["partial_json"] for e in got if e["type"] == "content_block_delta"]
    assert "".join(pieces) == '{"command": "rm -'


def test_a_block_of_a_kind_nobody_knows_passes_through() -> None:
    odd = {"type": "hologram", "data": [1]}
    with ScriptedServer([Reply([odd, say("x")], times=2)]) as server:
        streamed = raw(server, http(ask(stream=True), "connection: close"))
        _, whole = post(server, ask())
    assert b'"content_block":{"type":"hologram","data":[1]}' in streamed
    assert whole["content"] == [odd, say("x")]


async def test_a_pace_is_kept() -> None:
    with ScriptedServer([Reply([say("x" * 400)], tokens_per_s=400, chunk_chars=20)]) as server:
        async with sdk(server) as client:
            began = time.perf_counter()
            await events(client, ask())
    assert time.perf_counter() - began > 0.2


async def test_a_paused_turn_may_be_sent_back_as_it_is() -> None:
    with ScriptedServer([Reply([say("half")], stop_reason="pause_turn"), reply("and the rest")]) as server:
        async with sdk(server) as client:
            first = await client.messages.create(**ask())
            half = assistant(*[b.to_dict() for b in first.content])
            await client.messages.create(**ask(user("hi"), half))
            with pytest.raises(Exception, match="prefill"):
                await client.messages.create(**ask(user("hi"), assistant("my own")))


async def test_a_prewarming_request_uses_up_no_reply() -> None:
    with ScriptedServer([reply("hello")]) as server:
        async with sdk(server) as client:
            warm = await client.messages.create(**ask(max_tokens=0))
            message = await client.messages.create(**ask())
    assert (warm.content, warm.stop_reason) == ([], "max_tokens")
    assert message.content[0].text == "hello"


async def test_a_function_can_be_the_script() -> None:
    def answer(request: dict) -> Reply:
        return reply(f"you said {newest_text(request)}")

    with ScriptedServer(answer) as server:
        async with sdk(server) as client:
            first = await client.messages.create(**ask(user("one"), assistant("x"), user("two"), user("three")))
    assert first.content[0].text == "you said two\nthree"


async def test_a_script_may_wait_and_the_client_is_told_so() -> None:
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def answer(request: dict) -> Reply:
        while not released.is_set():
            await asyncio.sleep(0.01)
        return reply("at last")

    with ScriptedServer(answer, ping_s=0.1) as server:
        loop.call_later(0.5, released.set)
        answer_bytes = await asyncio.to_thread(raw, server, http(ask(stream=True), "connection: close"))
    assert answer_bytes.count(b"event: ping") >= 1
    assert answer_bytes.count(b"event: message_start") == 1
    assert b"at last" in answer_bytes
    assert answer_bytes.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "script",
    [[], lambda request: request["nothing"], lambda request: "no reply", [Reply(["text"])], lambda _: Reply([{}])],
)
def test_a_script_that_fails_says_so_and_is_not_asked_again(script: object) -> None:
    with ScriptedServer(script) as server:
        status, body = post(server, ask())
    assert status == 400
    assert "script" in body["error"]["message"]
    assert len(server.refusals) == 1


def test_a_reply_can_wait_for_its_request() -> None:
    replies = [Reply([say("for b")], when="task b"), Reply([say("for a")], when="task a"), reply("for anyone")]
    with ScriptedServer(replies) as server:
        said = [post(server, ask(user(text)))[1]["content"][0]["text"] for text in ("task a", "hm", "task b")]
        assert server.playlist.left == 0
    assert said == ["for a", "for anyone", "for b"]


def test_a_reply_that_repeats_makes_fresh_ids() -> None:
    with ScriptedServer([Reply([call("bash", command="ls")], times=0)]) as server:
        ids = {post(server, ask(tools=[BASH]))[1]["content"][0]["id"] for _ in range(3)}
    assert len(ids) == 3


def test_requests_are_recorded() -> None:
    with ScriptedServer([reply("a"), reply("b")]) as server:
        post(server, ask(user("one")))
        post(server, ask(user("two"), stream=False), anthropic_beta="x")
        one, two = server.wait_for(2)
        with pytest.raises(TimeoutError, match="3 requests"):
            server.wait_for(3, timeout_s=0.05)
    assert (one.number, two.number) == (1, 2)
    assert two.body["messages"] == two.messages == [user("two")]
    assert two.headers["anthropic-beta"] == "x"
    assert b'"two"' in two.raw
    assert two.usage["input_tokens"] > 0
    assert two.sent == [say("b")]
    assert (two.status, two.ended) == (200, "whole")


def test_the_bodies_of_old_requests_are_let_go_when_told_so() -> None:
    with ScriptedServer([Reply([say("x")], times=0)], keep=2) as server:
        for _ in range(5):
            post(server, ask())
        assert [bool(r.raw) for r in server.requests] == [False, False, False, True, True]


async def test_models_are_listed_and_looked_up() -> None:
    with ScriptedServer(models=["claude-haiku-4-5", "my-own"]) as server:
        async with sdk(server) as client:
            listed = [model.id async for model in client.models.list()]
            own = await client.models.retrieve("my-own")
            haiku = await client.models.retrieve("claude-haiku-4-5")
            with pytest.raises(Exception, match="model: nobody") as none:
                await client.models.retrieve("nobody")
    assert listed == ["claude-haiku-4-5", "my-own"]
    assert (haiku.max_input_tokens, haiku.max_tokens) == (200_000, 64_000)
    assert own.max_input_tokens == 200_000
    assert none.value.status_code == 404


async def test_tokens_are_counted() -> None:
    with ScriptedServer() as server:
        async with sdk(server) as client:
            count = await client.messages.count_tokens(model=MODEL, messages=[user("x" * 4000)])
        assert server.others == [("POST", "/v1/messages/count_tokens")]
        assert server.requests == []
    assert 1000 <= count.input_tokens <= 1020


def test_an_endpoint_can_lack_paths() -> None:
    with ScriptedServer(missing=["/v1/models"]) as server:
        got = raw(server, b"GET /v1/models/x HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 404")


async def test_a_client_that_leaves_is_noticed() -> None:
    with ScriptedServer([Reply([say("x" * 4000)], tokens_per_s=50), reply("next")]) as server:
        async with sdk(server) as client:
            async with await client.messages.create(**ask(), stream=True) as stream:
                async for event in stream:
                    if event.type == "content_block_delta":
                        break
            server.wait_until(lambda requests: requests[0].ended == "dropped", 30)
            after = await client.messages.create(**ask())
    assert after.content[0].text == "next"


def test_a_client_that_leaves_during_a_delay_is_noticed() -> None:
    with ScriptedServer([Reply([say("x")], delay_s=30)]) as server:
        line = connect(server)
        line.sendall(http(ask()))
        server.wait_for(1)
        line.close()
        server.wait_until(lambda requests: requests[0].ended == "dropped", 30)


async def test_a_hundred_and_twenty_eight_streams_run_at_once() -> None:
    with ScriptedServer(lambda request: Reply([say("word " * 40)], tokens_per_s=80)) as server:
        async with sdk(server, timeout=30.0) as client:
            began = time.perf_counter()
            got = await asyncio.gather(*(events(client, ask(user(f"n {i}"))) for i in range(128)))
            took = time.perf_counter() - began
    assert all(
        "".join(e["delta"]["text"] for e in g if e["type"] == "content_block_delta") == "word " * 40 for g in got
    )
    assert took < 128 * 40 * 5 / 4 / 80 / 2  # far from one after the other


async def test_a_connection_serves_many_requests() -> None:
    with ScriptedServer([Reply([call("bash", command="ls")]), reply("done")]) as server:
        async with sdk(server) as client:
            first = await client.messages.create(**ask(tools=[BASH]))
            use = first.content[0]
            rest = ask(user("hi"), assistant(use.to_dict()), user(result(use.id)), tools=[BASH])
            second = await client.messages.create(**rest)
    assert second.content[0].text == "done"
    assert server.refusals == []


def test_it_listens_on_loopback_only_and_ends_for_good() -> None:
    server = ScriptedServer([reply("x")])
    with server:
        assert server.base_url.startswith("http://127.0.0.1:")
        line = connect(server)
    with line, contextlib.suppress(ConnectionResetError):
        assert line.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    server.close()
    with pytest.raises(RuntimeError, match="not running"), server.refusing():
        pass

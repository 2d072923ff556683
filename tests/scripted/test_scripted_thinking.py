"""Thinking is signed by the server, and bound to its own text and to everything before it."""

from typing import Any

import pytest
from scripted_wire import BASH, MODEL, Json, ask, assistant, post, result, user

from forkcli.models.scripted import Reply, ScriptedServer, call, say, think

SYSTEM = [say("You are an agent.")]
ROOT: dict[str, Any] = {"system": SYSTEM, "tools": [BASH]}


@pytest.fixture
def server() -> Any:
    script = [
        Reply([think("look first"), say("I look."), think("with ls"), call("bash", command="ls")]),
        Reply([think("now I know"), call("bash", command="cat x")]),
        Reply([say("done")], times=0),
    ]
    with ScriptedServer(script) as running:
        yield running


def conversation(server: ScriptedServer) -> list[Json]:
    """Two steps of an agent, with their thinking."""
    messages = [user("go")]
    for _ in range(2):
        status, answer = post(server, ask(*messages, **ROOT))
        assert status == 200, answer
        use = answer["content"][-1]
        messages += [assistant(*answer["content"]), user(result(use["id"], f"output of {use['input']}"))]
    return messages


def error(server: ScriptedServer, messages: list[Json], **changed: Any) -> str:
    status, body = post(server, ask(*messages, **{**ROOT, **changed}))
    return "" if status == 200 else body["error"]["message"]


def test_thinking_that_comes_back_unchanged_is_accepted(server: ScriptedServer) -> None:
    messages = conversation(server)
    assert error(server, messages) == ""
    assert error(server, messages[:3]) == ""
    assert error(server, [*messages, user("and also")]) == ""


def test_moving_cache_marks_and_plain_strings_do_not_matter(server: ScriptedServer) -> None:
    messages = conversation(server)
    mark = {"cache_control": {"type": "ephemeral"}}
    messages[0] = {"role": "user", "content": "go"}
    messages[2] = user({**messages[2]["content"][0], **mark})
    assert error(server, messages, system=[{**SYSTEM[0], **mark}]) == ""


def test_a_restarted_server_knows_its_signatures(server: ScriptedServer) -> None:
    messages = conversation(server)
    with ScriptedServer([Reply([say("x")])]) as other:
        assert error(other, messages) == ""


@pytest.mark.parametrize(
    "field", [{"thinking": "look elsewhere"}, {"signature": "AAAA"}, {"signature": ""}, {"signature": "\u00e4"}]
)
def test_a_changed_block_is_refused(server: ScriptedServer, field: Json) -> None:
    messages = conversation(server)
    block = {**messages[1]["content"][0], **field}
    messages[1] = assistant(block, *messages[1]["content"][1:])
    assert error(server, messages) == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_anything_changed_before_it_is_refused(server: ScriptedServer) -> None:
    messages = conversation(server)
    other = "bound to a different conversation"
    assert other in error(server, [user("stop"), *messages[1:]])
    assert other in error(server, messages, system=[say("You are another agent.")])
    assert other in error(server, messages, tools=[BASH, {**BASH, "name": "more"}])
    edited = [*messages[:2], user({**messages[2]["content"][0], "content": "pruned"}), *messages[3:]]
    assert error(server, edited).startswith("messages.3.content.0: ")
    without = [messages[0], assistant(*messages[1]["content"][1:]), *messages[2:]]
    assert error(server, without).startswith("messages.1.content.1: ")


def test_all_thinking_left_out_is_fine(server: ScriptedServer) -> None:
    messages = conversation(server)
    bare = [{**m, "content": [b for b in m["content"] if b["type"] != "thinking"]} for m in messages]
    assert error(server, bare) == ""


def test_an_older_model_only_checks_the_block_itself(server: ScriptedServer) -> None:
    messages = conversation(server)
    assert error(server, messages, system=[say("another")], model="claude-opus-5") == ""
    block = {**messages[1]["content"][0], "thinking": "else"}
    messages[1] = assistant(block, *messages[1]["content"][1:])
    assert "Invalid `signature`" in error(server, messages, model="claude-opus-5")


def test_an_answer_may_not_end_with_thinking(server: ScriptedServer) -> None:
    messages = conversation(server)
    cut = [messages[0], assistant(messages[1]["content"][0]), user("go on")]
    assert "cannot be `thinking`" in error(server, cut)


def test_thinking_holds_no_cache_mark(server: ScriptedServer) -> None:
    messages = conversation(server)
    block = {**messages[1]["content"][0], "cache_control": {"type": "ephemeral"}}
    messages[1] = assistant(block, *messages[1]["content"][1:])
    assert "cache_control: Extra inputs" in error(server, messages)


def test_a_signature_that_a_script_made_up_is_left_alone() -> None:
    mine = {**think("hm"), "signature": "free:mine"}
    with ScriptedServer([Reply([mine, say("x")]), Reply([say("y")])]) as server:
        _, answer = post(server, ask(model=MODEL))
        assert answer["content"][0] == mine
        assert post(server, ask(user("other"), assistant(*answer["content"]), user("on")))[0] == 200

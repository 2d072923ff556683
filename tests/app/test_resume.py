"""Going on with a session: what was sent is sent again byte for byte, and what this run was told holds from here on."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from app_kit import Desk, Serve, by_step

from forkcli.core.entries import AccessChange, Agent, Assistant, ModelChange
from forkcli.core.messages import Json, dump
from forkcli.models.scripted import Recorded, ScriptedServer, call, reply, think
from forkcli.store.codec import decode, encode

BULK = "a long file of instructions for agents\n" * 800  # more than a cache entry needs


def bare(request: Recorded) -> Json:
    """The request without its cache marks."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key != "cache_control"}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    found: Json = strip(request.body)
    return found


def usages(server: ScriptedServer) -> list[Json]:
    return [request.usage or {} for request in server.requests]


def grows(server: ScriptedServer) -> None:
    """Each request begins with the one before, marks aside."""
    for before, after in pairwise(map(bare, server.requests)):
        for key in ("system", "tools"):
            assert dump(before[key]) == dump(after[key])
        told = [dump(message) for message in before["messages"]]
        assert [dump(message) for message in after["messages"]][: len(told)] == told


def test_c_goes_on_with_the_session_that_was_used_last(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"), reply("three"), reply("four"))
    desk.run("-p", "first")
    first = desk.session.name
    desk.run("-p", "second")
    desk.run("-r", first, "-p", "back in the first")
    desk.run("-c", "-p", "and again")
    assert [m["content"][-1]["text"].split("\n")[0] for m in server.requests[-1].messages if m["role"] == "user"] == [
        "first",
        "back in the first",
        "and again",
    ]


@pytest.mark.parametrize("part", [lambda name: name[:-1], lambda name: name[-3:], lambda name: name])
def test_a_unique_beginning_or_end_names_a_session(desk: Desk, serve: Serve, part: Callable[[str], str]) -> None:
    serve(reply("one"), reply("two"))
    desk.run("-p", "first")
    assert desk.run("-r", part(desk.session.name), "-p", "go on").stdout == "two\n"


def test_a_resumed_session_sends_its_past_unchanged_and_reads_it_from_the_cache(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text(BULK)
    steps = [
        reply(think("let me see"), "I look", call("read", path="README.md"), call("read", path="src/hello.py")),
        reply(think("aha"), "One."),
        reply(think("more"), "I run it", call("bash", command="python3 src/hello.py")),
        reply("Two."),
    ]
    server = serve(by_step(*steps))
    desk.run("-p", "first")
    (desk.project / "AGENTS.md").write_text("changed meanwhile")
    assert desk.run("-c", "-p", "second").stdout == "Two.\n"
    grows(server)
    before, after = usages(server)[1:3]
    assert after["cache_read_input_tokens"] >= sum(
        before[key] for key in ("cache_read_input_tokens", "cache_creation_input_tokens")
    )
    assert after["cache_read_input_tokens"] > 5000
    assert server.refusals == []
    assert desk.findings() == []


def test_every_step_reads_all_that_was_sent_before(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text(BULK)
    server = serve(by_step(*(reply(think("hm"), call("read", path="README.md")) for _ in range(6)), reply("done")))
    desk.run("-p", "look around")
    grows(server)
    for before, after in pairwise(usages(server)):
        written = before["cache_read_input_tokens"] + before["cache_creation_input_tokens"]
        assert after["cache_read_input_tokens"] >= written > 0


def test_system_and_tools_of_another_version_are_sent_as_they_are_stored(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"))
    desk.run("-p", "first")
    path = desk.agent / "history.jsonl"
    first, *others = path.read_bytes().splitlines(keepends=True)
    entry = decode(first, 1)
    assert isinstance(entry.body, Agent)
    system = ({"type": "text", "text": "You are an older fork."},)
    tools = ({**entry.body.tools[0], "description": "ran things, once"}, *entry.body.tools[1:])
    stored = replace(entry, body=replace(entry.body, made_by="0.0.1", system=system, tools=tools))
    path.write_bytes(b"".join([encode(stored), *others]))
    done = desk.run("-c", "-p", "go on")
    assert (done.code, done.stdout) == (0, "two\n"), done.stderr
    sent = bare(server.requests[-1])
    assert sent["system"] == list(system)
    assert sent["tools"] == list(tools)
    assert desk.findings() == []


def test_another_model_on_resume_holds_from_there_on(desk: Desk, serve: Serve) -> None:
    server = serve(*(reply(n) for n in ("one", "two", "three")))
    desk.run("-p", "first")
    desk.run("-c", "-p", "second", "-m", "claude-haiku-4-5")
    desk.run("-c", "-p", "third")
    models = [request.body["model"] for request in server.requests]
    assert models[0] != models[1] == models[2]
    assert models[1].startswith("claude-haiku-4-5")
    assert [body.model for body in desk.bodies(ModelChange)] == [models[1]]
    assert desk.findings() == []


def test_narrower_access_on_resume_is_told_and_enforced(desk: Desk, serve: Serve) -> None:
    writes = [
        call("write", path="new.txt", content="x"),
        call("edit", path="README.md", old_str="A", new_str="B"),
        call("bash", command="touch made"),
    ]
    server = serve(by_step(reply("one"), reply(*writes), reply("I could not."), reply("fine")))
    desk.run("-p", "first")
    assert desk.run("-c", "-p", "write it", "--access", "read").stdout == "I could not.\n"
    assert not (desk.project / "new.txt").exists()
    assert not (desk.project / "made").exists()
    assert "A project" in (desk.project / "README.md").read_text()
    assert "access read" in server.requests[1].raw.decode()
    desk.run("-c", "-p", "again")
    assert [body.access for body in desk.bodies(AccessChange)] == ["read", "write"]
    grows(server)
    assert desk.findings() == []


def test_the_working_directory_of_the_shell_is_carried_over_also_by_a_resume(desk: Desk, serve: Serve) -> None:
    steps = [reply(call("bash", command="cd src")), reply("one"), reply(call("bash", command="pwd")), reply("two")]
    serve(by_step(*steps))
    desk.run("-p", "go in")
    desk.run("-c", "-p", "where are you?")
    assert desk.results()[-1].strip() == str(desk.project / "src")


def test_a_message_left_in_the_inbox_is_told_with_the_next_prompt(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"), reply("three"))
    desk.run("-p", "first")
    assert desk.run("tell", "main", "mind the </message> gap").code == 0
    (desk.agent / "inbox/note.txt").write_text("from a program")
    desk.run("-c", "-p", "second")
    text = json.dumps(server.requests[-1].messages[-1])
    assert "mind the &lt;/message> gap" in text
    assert "from a program" in text
    desk.run("-c", "-p", "third")
    assert "mind the" not in json.dumps(server.requests[-1].messages[-1])
    grows(server)


def test_what_show_prints_is_what_would_be_sent(desk: Desk, serve: Serve) -> None:
    server = serve(by_step(reply(call("read", path="README.md")), reply("done")))
    desk.run("-p", "first")
    shown = json.loads(desk.run("show", "--context", "--json").stdout)
    sent = bare(server.requests[-1])
    assert shown["system"] == sent["system"]
    assert shown["tools"] == sent["tools"]
    assert shown["messages"][: len(sent["messages"])] == sent["messages"]


def test_resuming_an_unfinished_turn_changes_no_byte_of_what_was_sent(desk: Desk, serve: Serve) -> None:
    steps = [reply(think("a"), call("read", path="README.md")), reply(call("bash", command="true")), reply("done")]
    server = serve(by_step(*steps))
    for _ in range(9):
        words = ("-c", "-p") if desk.sessions else ("-p", "go")
        desk.run(*words, die_writing=(5, 1))
    assert desk.bodies(Assistant)[-1].stop_reason == "end_turn"
    grows(server)
    assert server.refusals == []

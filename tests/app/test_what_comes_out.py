"""What comes out: stdout is the answer alone or JSON alone, whatever the model, a tool or a file says."""

import json

import pytest
from app_kit import Desk, Serve, by_step

from forkcli.models.scripted import Reply, call, reply, say, think

HOSTILE = "a\x1b]0;owned\x07\x1b[31mred\x1b[0m \x9b2J \u202etxt.exe\u2069 \u200bhidden \x00 [bold]markup[/bold] 日本 ✓"


def tools_turn() -> list[Reply]:
    return [
        reply(think("hm"), "First I look.", call("read", path="README.md"), call("bash", command="echo out; exit 3")),
        reply("The answer."),
    ]


def test_text_is_the_final_answer_alone(desk: Desk, serve: Serve) -> None:
    serve(by_step(*tools_turn()))
    done = desk.run("-p", "go")
    assert (done.code, done.stdout) == (0, "The answer.\n")
    assert "read README.md" in done.stderr
    assert "exit 3" in done.stderr


def test_json_is_one_object_with_the_fields_that_scripts_read(desk: Desk, serve: Serve) -> None:
    serve(by_step(*tools_turn()))
    done = desk.run("-p", "go", "-o", "json")
    assert done.stdout.count("\n") == 1
    result = done.result
    assert result["type"] == "result"
    assert result["subtype"] == "success"
    assert result["is_error"] is False
    assert result["result"] == "The answer."
    assert result["session_id"] == desk.session.name
    assert result["num_turns"] == 2
    assert result["duration_ms"] > 0
    assert result["total_cost_usd"] is None or result["total_cost_usd"] >= 0
    assert set(result["usage"]) == {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    }
    assert result["usage"]["output_tokens"] > 0
    (row,) = result["agents"]
    assert row["agent"] == "main"


def test_a_stream_tells_each_thing_as_it_happens_and_ends_with_the_result(desk: Desk, serve: Serve) -> None:
    serve(by_step(*tools_turn()))
    objects = desk.run("-p", "go", "-o", "stream-json").objects
    assert (objects[0]["type"], objects[0]["subtype"]) == ("system", "init")
    assert objects[0]["tools"] == ["bash", "read", "write", "edit", "fork", "spawn", "send", "rewind", "merge"]
    kinds = [o["type"] for o in objects if o["type"] != "system"]
    assert kinds == ["assistant", "user", "user", "assistant", "result"]
    assert {o["session_id"] for o in objects} == {desk.session.name}
    first = next(o for o in objects if o["type"] == "assistant")
    assert first["agent"] == "main"
    assert first["message"]["stop_reason"] == "tool_use"
    assert [b["type"] for b in first["message"]["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    results = {o["message"]["content"][0]["tool_use_id"] for o in objects if o["type"] == "user"}
    assert results == {b["id"] for b in first["message"]["content"] if b["type"] == "tool_use"}
    assert objects[-1]["result"] == "The answer."


@pytest.mark.parametrize("form", ["json", "stream-json"])
def test_hostile_text_is_escaped_in_json_and_comes_back_whole(desk: Desk, serve: Serve, form: str) -> None:
    serve(reply(HOSTILE))
    done = desk.run("-p", "go", "-o", form)
    assert done.result["result"] == HOSTILE
    assert not [c for c in done.stdout if ord(c) < 0x20 and c != "\n"]
    assert not [c for c in done.stdout if 0x7F <= ord(c) < 0xA0]


def test_hostile_text_is_shown_and_not_obeyed_in_a_pipe(desk: Desk, serve: Serve) -> None:
    (desk.project / "bad\x1b[2Jname").write_text(HOSTILE)
    steps = [reply(HOSTILE, call("bash", command="echo $'\\e[2J' # \x1b]0;x\x07")), reply(HOSTILE)]
    serve(by_step(*steps))
    done = desk.run("-p", "go", "-v")
    for text in (done.stdout, done.stderr):
        assert not {"\x1b", "\x07", "\x9b", "\x00", "\u202e", "\u2069"} & set(text)
    assert "[bold]markup[/bold] 日本 ✓" in done.stdout


@pytest.mark.parametrize("form", ["json", "stream-json"])
def test_nothing_but_json_is_on_stdout_when_a_run_cannot_begin(desk: Desk, serve: Serve, form: str) -> None:
    serve(reply("never"))
    done = desk.run("-r", "nowhere", "-p", "go", "-o", form)
    assert done.code == 1
    assert [o["is_error"] for o in done.objects] == [True]
    assert "no session `nowhere`" in done.result["errors"][0]


def test_an_answer_between_calls_is_not_the_result(desk: Desk, serve: Serve) -> None:
    serve(by_step(reply("not this", call("read", path="README.md")), reply("this")))
    assert desk.run("-p", "go").stdout == "this\n"


def test_a_line_that_no_terminal_could_hold_is_one_json_line(desk: Desk, serve: Serve) -> None:
    serve(Reply([say("x\n" * 50_000)], chunk_chars=20_000))
    done = desk.run("-p", "go", "-o", "json")
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["result"].count("x") == 50_000

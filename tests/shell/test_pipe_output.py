"""One-shot output: what reaches stdout and stderr in each format, whatever the text holds and whoever reads."""

import io
import json
from typing import Any

import pytest

from forkcli.core import entries as e
from forkcli.core.events import Appended, CallStarted, Event, RetryWait, TurnEnded, Warned
from forkcli.core.ids import MAIN, AgentId, CallId, Seq
from forkcli.errors import ForkError
from forkcli.ui.jsontext import json_text
from forkcli.ui.pipe import Pipe

USAGE = e.Usage(10, 5, 80, 10)
HOSTILE = "a\x1b]0;owned\x07b\x9b31mc\x7f\u202ed"


class Ticking:
    """A clock that goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def answer(text: str, *calls: str, stop: str = "end_turn", cost: float | None = 0.25) -> e.Assistant:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    blocks += [{"type": "tool_use", "id": call, "name": "bash", "input": {"command": "ls"}} for call in calls]
    return e.Assistant(tuple(blocks), stop, USAGE, "opus", "msg_1", cost_usd=cost)


def result(call: str, text: str, **more: Any) -> e.ToolResult:
    return e.ToolResult(CallId(call), "bash", ({"type": "text", "text": text},), **more)


def played(form: Any, *bodies: e.Body | Event, status: Any = "done", sentence: str = "") -> tuple[str, str, int]:
    """stdout, stderr and exit code of a run that told these."""
    out, err = io.StringIO(), io.StringIO()
    pipe = Pipe(form, out, err, clock=Ticking())
    pipe.begin(session="20261122-0925-k3f", agent=MAIN, model="opus", cwd="/p", tools=["bash"], access="write")
    for seq, body in enumerate(bodies, 1):
        is_event = isinstance(body, CallStarted | RetryWait | Warned | TurnEnded | Appended)
        pipe.on_event(body if is_event else Appended(MAIN, e.Entry(Seq(seq), "2026-11-22T09:25:00.000Z", body)))
    pipe.on_event(TurnEnded(MAIN, status, sentence))
    code = pipe.finish()
    return out.getvalue(), err.getvalue(), code


def test_text_is_the_final_answer_alone_and_all_else_goes_to_stderr() -> None:
    call = CallStarted(MAIN, {"type": "tool_use", "id": "c1", "name": "bash", "input": {"command": "npm test\nls"}})
    out, err, code = played("text", answer("Let me look.", "c1"), call, result("c1", "ok"), answer("It is 42."))
    assert (out, code) == ("It is 42.\n", 0)
    assert "bash npm test" in err
    assert "2 steps" in err
    assert "$0.50" in err
    assert "20261122-0925-k3f" in err


def test_text_never_drives_the_terminal_of_whoever_reads_the_pipe() -> None:
    out, err, _ = played("text", Warned(MAIN, HOSTILE), answer(HOSTILE))
    for shown in (out, err):
        assert not {"\x1b", "\x07", "\x9b", "\x7f", "\u202e"} & set(shown)
    assert "owned" in out


def test_an_answer_that_goes_on_after_the_output_limit_is_printed_whole() -> None:
    parts = (answer("one ", stop="max_tokens"), e.Notice("Go on.", asks=True), answer("two"))
    assert played("text", *parts)[0] == "one two\n"


def test_json_is_one_object_with_the_fields_that_scripts_read() -> None:
    out, _, code = played("json", answer("", "c1"), result("c1", "ok"), answer("done"))
    value = json.loads(out)
    assert code == 0
    assert out.count("\n") == 1
    assert value == {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "done",
        "session_id": "20261122-0925-k3f",
        "agent": "main",
        "num_turns": 2,
        "duration_ms": 1000,
        "total_cost_usd": 0.5,
        "usage": {
            "input_tokens": 20,
            "output_tokens": 10,
            "cache_read_input_tokens": 160,
            "cache_creation_input_tokens": 20,
        },
        "agents": value["agents"],
        "checks": [],
    }
    (row,) = value["agents"]
    assert (row["agent"], row["state"], row["steps"], row["first_cache_share"]) == ("main", "done", 2, 0.8)


def test_the_stream_begins_with_init_tells_each_entry_and_ends_with_the_same_result() -> None:
    entries = (
        answer("look", "c1"),
        result("c1", "no", is_error=True),
        e.Message("user", "faster", "0001-user.md"),
        e.Checkpoint("<checkpoint/>", 500, 1000),
        RetryWait(MAIN, 1.5, 2, "the API is overloaded"),
        answer("done"),
    )
    lines = [json.loads(line) for line in played("stream-json", *entries)[0].splitlines()]
    kinds = [(line["type"], line.get("subtype")) for line in lines]
    assert kinds == [
        ("system", "init"),
        ("assistant", None),
        ("user", None),
        ("message", None),
        ("system", "checkpoint"),
        ("system", "api_retry"),
        ("assistant", None),
        ("result", "success"),
    ]
    assert {line["session_id"] for line in lines} == {"20261122-0925-k3f"}
    assert {line["agent"] for line in lines} == {"main"}
    assert lines[0]["tools"] == ["bash"]
    assert lines[1]["message"]["content"][1]["id"] == "c1"
    assert lines[1]["message"]["usage"]["cache_read_input_tokens"] == 80
    assert lines[2]["message"]["content"][0] == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": [{"type": "text", "text": "no"}],
        "is_error": True,
    }
    assert lines[-1] == json.loads(played("json", *entries)[0])


@pytest.mark.parametrize(
    ("status", "sentence", "subtype", "code"),
    [
        ("limit", "the limit of 3 steps was reached (--max-steps)", "error_max_turns", 3),
        ("limit", "the limit of $1.00 was reached (--max-cost)", "error_max_budget_usd", 3),
        ("limit", "the limit of 5 s was reached (--timeout)", "error_during_execution", 3),
        ("unavailable", "the API did not answer", "error_during_execution", 75),
        ("interrupted", "", "error_during_execution", 130),
        ("refused", "the model refused to answer", "error_during_execution", 1),
        ("failed", "the request was refused", "error_during_execution", 1),
    ],
)
def test_every_end_has_a_subtype_and_an_exit_code(status: Any, sentence: str, subtype: str, code: int) -> None:
    out, err, got = played("json", answer("so far"), status=status, sentence=sentence)
    value = json.loads(out)
    assert (value["subtype"], value["is_error"], value["result"], got) == (subtype, True, "so far", code)
    assert value["errors"] == [sentence]
    assert err == ""


def test_json_escapes_every_control_character_and_parses_back() -> None:
    text = "".join(map(chr, range(0xA0))) + "\ud800 é 漢"
    for encoding in ("utf-8", "latin-1", None):
        line = json_text({"t": text}, encoding=encoding)
        assert not [char for char in line if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0]
        assert json.loads(line) == {"t": text}
    assert "漢" in json_text("漢")
    json_text("漢é\x9b", encoding="latin-1").encode("ascii")


def test_nothing_but_json_is_on_stdout_when_text_is_hostile() -> None:
    out = played("stream-json", answer(HOSTILE, "c1"), result("c1", HOSTILE + "\n{}\n"), answer("x"))[0]
    assert [json.loads(line)["type"] for line in out.splitlines()] == [
        "system",
        "assistant",
        "user",
        "assistant",
        "result",
    ]
    assert not {"\x1b", "\x9b", "\x7f"} & set(out)


def test_a_reader_that_has_gone_away_is_told_until_something_is_done_about_it() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    told: list[str] = []

    def stop() -> bool:
        told.append("closed")
        return len(told) == 2

    pipe = Pipe("stream-json", Gone(), Gone())
    pipe.begin(session="s", agent=MAIN, model="m", cwd="/p")
    assert pipe.closed
    pipe.on_closed = stop
    for _ in range(3):
        pipe.on_event(Warned(MAIN, "x"))
    pipe.on_event(TurnEnded(MAIN, "done"))
    assert pipe.finish() == 0
    assert told == ["closed", "closed"]


def test_the_result_is_written_once() -> None:
    out = io.StringIO()
    pipe = Pipe("json", out, io.StringIO())
    assert pipe.finish("limit", "the limit of 1 step was reached (--max-steps)") == 3
    assert pipe.finish() == 3
    assert out.getvalue().count("\n") == 1


def test_a_turn_whose_end_was_never_told_has_failed() -> None:
    out = io.StringIO()
    assert Pipe("json", out, io.StringIO()).finish() == 1
    assert json.loads(out.getvalue())["is_error"] is True


def test_a_failure_before_the_start_is_a_result_too() -> None:
    out = io.StringIO()
    Pipe("json", out, io.StringIO()).fail(ForkError("there is no key", "set ANTHROPIC_API_KEY"))
    value = json.loads(out.getvalue())
    assert (value["type"], value["is_error"], value["errors"]) == ("result", True, ["there is no key"])
    assert value["hints"] == ["set ANTHROPIC_API_KEY"]


def test_a_failure_in_the_middle_names_the_session_and_what_was_used() -> None:
    out = io.StringIO()
    pipe = Pipe("json", out, io.StringIO())
    pipe.begin(session="20261122-0925-k3f", agent=MAIN, model="opus", cwd="/p")
    pipe.on_event(Appended(MAIN, e.Entry(Seq(1), "2026-11-22T09:25:00.000Z", answer("half"))))
    pipe.fail(ForkError("no space is left", "make room"))
    assert pipe.finish() == 1
    (line,) = out.getvalue().splitlines()
    value = json.loads(line)
    assert (value["session_id"], value["num_turns"], value["total_cost_usd"]) == ("20261122-0925-k3f", 1, 0.25)
    assert (value["is_error"], value["errors"], value["result"]) == (True, ["no space is left"], "half")


def test_unknown_prices_are_null_and_never_zero() -> None:
    assert json.loads(played("json", answer("x", cost=None))[0])["total_cost_usd"] is None


def test_what_forks_do_is_said_with_their_names_and_what_became_of_it() -> None:
    f1 = AgentId("f1")
    order = {"type": "tool_use", "id": "c1", "name": "fork", "input": {"tasks": [{"task": "a"}, {"task": "b"}]}}
    theirs = {"type": "tool_use", "id": "c2", "name": "bash", "input": {"command": "npm test"}}
    failed = Appended(f1, e.Entry(Seq(9), "2026-11-22T09:25:00.000Z", result("c2", "no", facts=e.ToolFacts(1))))
    report, merge = e.Report(f1, "done", "x", 2, USAGE, 0.5, 0.9), e.Merge(f1, "merged", ("a.py", "b.py"))
    told = [CallStarted(MAIN, order), Warned(f1, "no view"), CallStarted(f1, theirs), failed, report, merge]
    _, err, _ = played("text", *told, answer("ok"))
    assert err.splitlines()[:6] == [
        "- fork into 2",
        "warning: f1: no view",
        "- f1: bash npm test",
        "  f1: exit 1",
        "- f1 done, 2 steps, 105 tokens, $0.5000, 90.0% of its first request from the cache",
        "  f1 merged: a.py b.py",
    ]


def test_many_agents_that_wait_for_the_same_end_of_a_pause_are_told_of_once() -> None:
    waits = [RetryWait(AgentId(f"f{number}"), 9 - number, 1, "overloaded") for number in range(1, 6)]
    _, err, _ = played("text", *waits, RetryWait(MAIN, 30, 2, "overloaded"), answer("done"))
    assert [line for line in err.splitlines() if "overloaded" in line] == [
        "overloaded; attempt 2 in 8.0 s",
        "overloaded; attempt 3 in 30 s",
    ]


@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_a_further_wait_of_an_agent_is_told_however_short_it_is(seconds: float) -> None:
    waits = [RetryWait(MAIN, seconds, attempt, "overloaded") for attempt in (1, 2, 3)]
    _, err, _ = played("text", *waits, answer("done"))
    assert err.count("overloaded") == 3


def test_a_wait_of_another_agent_that_begins_when_the_one_that_was_told_is_over_is_told_too() -> None:
    waits = [RetryWait(AgentId(name), 0.5, 1, "overloaded") for name in ("f1", "f2")]
    _, err, _ = played("text", *waits, answer("done"))
    assert err.count("overloaded") == 2

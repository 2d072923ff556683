"""Events in, items out: each finished thing once, and the live area for what is unfinished."""

from ui_fakes import MAIN, answer, appended, call, delta, prompt, result

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.ui.console import Paper
from forkcli.ui.item import Item, Roll
from forkcli.ui.look import Look
from forkcli.ui.stage import Stage

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n-old\n+new\n same\n"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A stage whose items and live area are read as text."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stage = Stage(Look(), self.clock)
        self._paper = Paper()
        self._roll = Roll(self._paper)

    def on(self, *events: ev.Event) -> str:
        return "".join(self.text(self.stage.on(event)) for event in events)

    def text(self, items: list[Item]) -> str:
        return "".join("".join(part.text for part in line) + "\n" for line in self._roll.lines(items, 80))

    def live(self, height: int = 20, width: int = 80) -> list[str]:
        return ["".join(part.text for part in line) for line in self.stage.live(width, height, "*")]


def test_streamed_text_is_printed_once_and_not_again_with_its_entry() -> None:
    watched = Watched()
    said = watched.on(ev.StepStarted(MAIN, 1), delta("one\n\ntw"), delta("o"), answer("one\n\ntwo"))
    assert said == "\none\n\ntwo\n"


def test_an_answer_that_was_not_streamed_is_printed_from_its_entry() -> None:
    assert Watched().on(answer("**all** of it")) == "\nall of it\n"


def test_an_answer_of_blanks_leaves_no_blank_lines() -> None:
    assert Watched().on(delta("\n\n"), answer("\n\n", call("read", path="x"))) == ""


def test_the_unfinished_block_is_live_and_bounded_from_above() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), delta("\n".join(f"- line {n}" for n in range(30))))
    live = watched.live(height=6)
    assert len(live) == 6
    assert live[0] == "…"
    assert live[3] == " • line 29"
    assert "esc stops" in live[-1]
    assert watched.live(height=0) == []


def test_a_broken_stream_says_that_what_was_shown_does_not_count() -> None:
    watched = Watched()
    said = watched.on(ev.StepStarted(MAIN, 1), delta("one\n\nhalf"), ev.StepDropped(MAIN), delta("new"), answer("new"))
    assert "the answer above does not count" in said
    assert "half" not in said
    assert said.endswith("new\n")


def test_a_stream_that_broke_before_any_text_says_nothing() -> None:
    assert Watched().on(ev.StepStarted(MAIN, 1), ev.StepDropped(MAIN)) == ""


def test_a_retry_counts_down_and_goes_when_text_comes() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), ev.RetryWait(MAIN, 8.0, 1, "overloaded"))
    assert watched.live()[-1] == "! sending again in 8 s (attempt 2) · esc gives up · overloaded"
    watched.clock.now += 5
    assert "in 3 s" in watched.live()[-1]
    watched.on(delta("x"))
    assert "overloaded" not in "".join(watched.live())


def test_of_a_long_thought_the_end_is_shown() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), delta("word " * 60 + "and\nthe end", thinking=True))
    live = watched.live(width=40)
    assert live[:3] == ["  word word word word word word word", "  word word word word and", "  the end"]
    assert "thinking" in live[3]


def test_thinking_is_live_and_leaves_nothing_behind() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), delta("I wonder\x1b[2J", thinking=True))
    assert watched.live()[:1] == ["  I wonder␛[2J"]
    assert "I wonder" not in watched.on(delta("So."), answer("So."))
    assert "I wonder" not in "".join(watched.live())


def test_a_running_command_shows_its_last_lines_and_then_how_it_ended() -> None:
    watched = Watched()
    watched.on(answer("", call("bash", command="make\nmake test")), ev.CallStarted(MAIN, call("bash", command="make")))
    watched.on(*(ev.CallOutput(MAIN, "c1", f"row {n}\n") for n in range(20)))
    watched.clock.now += 3
    assert watched.live()[:2] == ["* bash make · 3.0 s", "  │ row 15"]
    facts = e.ToolFacts(exit_code=2)
    said = watched.on(result("bash", "[exit 2]", ms=3000, facts=facts)).split("\n")
    assert said[1:4] == ["✗ bash make · exit 2 · 3.0 s", "       make test", "  │ … 8 more lines"]
    assert said[-2] == "  │ row 19"
    assert watched.live() == []


def test_a_command_that_was_killed_says_why_after_its_output() -> None:
    watched = Watched()
    watched.on(answer("", call("bash", command="make")), ev.CallStarted(MAIN, call("bash", command="make")))
    watched.on(ev.CallOutput(MAIN, "c1", "row\n"))
    said = watched.on(result("bash", "row\n[timed out after 2 s: killed]\n[cwd: src]", ms=2000, is_error=True))
    assert said == "\n✗ bash make · 2.0 s\n  │ row\n  │ [timed out after 2 s: killed]\n"


def test_output_of_a_command_is_remembered_in_bounds() -> None:
    watched = Watched()
    watched.on(ev.CallStarted(MAIN, call("bash", command="yes")))
    for _ in range(100):
        watched.on(ev.CallOutput(MAIN, "c1", "y\n" * 10_000))
    said = watched.on(result("bash", "y"))
    assert len(said.split("\n")) < 20
    assert "… 999,996 more lines" in said


def test_reads_stand_close_together_and_an_edit_shows_its_diff() -> None:
    watched = Watched()
    said = watched.on(
        answer("", call("read", "r1", path="a.py"), call("read", "r2", path="b.py", offset=5, limit=10)),
        result("read", "1 x\n2 y", "r1"),
        result("read", "1 x", "r2"),
        answer("", call("edit", "e1", path="x.py")),
        result("edit", "done", "e1", facts=e.ToolFacts(changed=("x.py",), diff=DIFF)),
    )
    assert said == (
        "\n✓ read a.py · 2 lines\n✓ read b.py:5-14 · 1 line\n\n✓ edit x.py · +1 −1\n  1 − old\n  1 + new\n  2   same\n"
    )


def test_calls_of_any_shape_can_be_shown() -> None:
    for given in (None, "text", [], {}, {"command": 5}, {"path": None}, {"a": {"b": [1]}, "c": "x\ny"}):
        block = {"type": "tool_use", "id": "c1", "name": "mcp__x__y\x1b", "input": given}
        watched = Watched()
        watched.on(ev.CallStarted(MAIN, block))
        assert watched.live()
        assert "mcp__x__y␛" in watched.on(result("mcp__x__y", "out"))
        assert "bash" in Watched().on(result("bash", "out", key="unknown"))


def test_an_error_result_is_shown_with_its_text() -> None:
    said = Watched().on(result("edit", "`old_str` was not found", is_error=True))
    assert said.startswith("\n✗ edit\n")
    assert "`old_str` was not found" in said


def test_a_turn_ends_with_what_it_took() -> None:
    watched = Watched()
    watched.on(prompt("go"), ev.StepStarted(MAIN, 1))
    watched.clock.now += 12
    said = watched.on(answer("Done."), ev.TurnEnded(MAIN, "done"))
    assert said.endswith("\n1 step · 12 s · 22k in, 95% cached, 340 out · $0.021\n")
    assert not watched.stage.busy


def test_a_failure_is_said_once() -> None:
    watched = Watched()
    failure = appended(e.Failure("unavailable", "the API did not answer"))
    said = watched.on(prompt("go"), ev.StepStarted(MAIN, 1), failure, ev.TurnEnded(MAIN, "unavailable", "no answer"))
    assert said.count("answer") == 1
    assert "✗ the API did not answer" in said


def test_a_turn_that_ends_badly_without_an_entry_still_says_why() -> None:
    said = Watched().on(ev.StepStarted(MAIN, 1), ev.TurnEnded(MAIN, "limit", "200 steps were used"))
    assert "✗ 200 steps were used" in said


def test_an_interrupt_keeps_what_was_streamed() -> None:
    said = Watched().on(ev.StepStarted(MAIN, 1), delta("half a sen"), appended(e.Interrupt("user")))
    assert said == "\nhalf a sen\n\n■ stopped by you; what was done is kept\n"


def test_an_interrupt_says_what_stopped_the_turn() -> None:
    said = [
        Watched().on(appended(e.Interrupt(*why))).strip()
        for why in (
            ("signal", "you left the session"),
            ("signal", ""),
            ("limit", "5 steps"),
            ("user", ""),
        )
    ]
    assert said == [
        "■ you left the session; what was done is kept",
        "■ stopped by a signal; what was done is kept",
        "■ stopped at a limit: 5 steps; what was done is kept",
        "■ stopped by you; what was done is kept",
    ]


def test_notes_messages_and_answers_to_questions_are_shown() -> None:
    said = Watched().on(
        appended(e.Message("j1", "exit 0\nall good", job="j1")),
        appended(e.Message("f2", "found it")),
        appended(e.Notice("the context is 71% full")),
        appended(e.Approval(None, "net", "curl x", "always")),
        appended(e.Approval(None, "shell", "curl x", "no")),
        appended(e.ModelChange("claude-haiku-5", "low")),
        appended(e.AccessChange("read", net=True)),
        ev.Warned(MAIN, "no git here"),
    )
    for words in (
        "job j1:\n  exit 0\n  all good",
        "● f2: found it",
        "71% full",
        "allowed it with network",
        "did not allow",
        "model claude-haiku-5 · effort low",
        "access read · network on",
        "! no git here",
    ):
        assert words in said, words


def test_a_long_prompt_is_shown_in_part() -> None:
    said = Watched().on(prompt("\n".join(f"row {n}" for n in range(100))))
    assert "› row 0\n  row 1\n" in said
    assert "… 88 more lines" in said
    assert "more characters" in Watched().on(prompt("x" * 9000))


def test_the_past_looks_like_the_present_but_nothing_runs() -> None:
    watched = Watched()
    entries = [
        event.entry
        for event in (
            prompt("go"),
            answer("I look.", call("bash", command="ls")),
            result("bash", "a.py\nb.py"),
            answer("Done."),
        )
    ]
    said = watched.text(watched.stage.past(entries, "main"))
    assert "› go" in said
    assert "✓ bash ls\n  │ a.py" in said
    assert said.endswith("\nDone.\n")
    assert not watched.stage.busy
    assert watched.live() == []


def test_steering_and_queue_are_live_until_they_are_delivered() -> None:
    watched = Watched()
    watched.stage.pending.steer("left")
    watched.stage.pending.steer("right")
    watched.stage.pending.queue("then this")
    assert [line[:8] for line in watched.live()] == ["↳ left ·", "↳ right ", "› then t"]
    watched.on(appended(e.Message("user", "right")))
    assert watched.live()[0].startswith("↳ left")
    assert watched.stage.pending.take_all() == "then this"
    assert watched.stage.pending.next() is None


def test_a_call_that_an_earlier_process_left_open_is_named_when_it_is_answered() -> None:
    watched = Watched()
    past = [prompt("go"), answer("", call("bash", command="make"))]
    watched.text(watched.stage.past([event.entry for event in past], MAIN))
    assert not watched.stage.busy
    said = watched.on(result("bash", "[interrupted]", is_error=True))
    assert said.startswith("\n✗ bash make\n")

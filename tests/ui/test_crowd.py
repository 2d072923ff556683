"""Agents that the screen is not on: a line each while they work; what they hand over is told by their parent."""

from dataclasses import replace

from test_feed import Watched
from ui_fakes import MAIN, answer, appended, call, result

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.ids import AgentId, Seq, SessionId
from forkcli.ui.console import Paper
from forkcli.ui.family import forked, reported
from forkcli.ui.look import Look

F1, F2 = AgentId("f1"), AgentId("f2")
FORK = e.Fork((e.Child(F1, "mend the parser"), e.Child(F2, "look", "read", 3)), Seq(7))


def of(agent: AgentId, event: ev.Appended) -> ev.Event:
    return replace(event, agent=agent)


def test_what_others_do_is_a_line_on_the_board_and_not_in_the_scrollback() -> None:
    watched = Watched()
    events = [
        ev.StepStarted(F1, 1),
        of(F1, answer("I look.", call("bash", command="npm test"))),
        ev.CallStarted(F1, call("bash", command="npm test")),
    ]
    assert watched.on(*events) == ""
    (line,) = [line for line in watched.live() if "f1" in line]
    assert "1 step" in line
    assert "bash npm test" in line
    watched.on(ev.TurnEnded(F1, "done"))
    assert not [line for line in watched.live() if "f1" in line]
    assert not watched.stage.busy


def test_who_waits_for_others_is_said_to_wait_for_those_that_have_not_reported() -> None:
    watched = Watched()
    report = e.Report(F2, "done", "Here.")
    for agent in (MAIN, F1):
        watched.on(ev.StepStarted(agent, 1), ev.Waiting(agent, (F2, AgentId("f3"))))
        assert watched.stage.doing(agent).startswith("waiting for f2, f3")
        watched.on(of(agent, appended(report)))
        assert watched.stage.doing(agent).startswith("waiting for f3")
    assert any("waiting for f3" in line and "esc stops" in line for line in watched.live())
    assert any(line.startswith("* f1") and "waiting for f3" in line for line in watched.live())
    watched.on(ev.StepStarted(MAIN, 2), ev.StepStarted(F1, 2))
    assert "waiting for f3" not in "".join(watched.live())
    watched.on(ev.Waiting(MAIN, tuple(AgentId(f"f{n}") for n in range(1, 33))))
    assert watched.stage.doing(MAIN) == "waiting for f1, f2, f3, f4 and 28 more"


def test_the_board_shows_at_most_twelve_and_counts_the_rest() -> None:
    watched = Watched()
    for n in range(1, 21):
        watched.on(ev.StepStarted(AgentId(f"f{n}"), 1))
    lines = watched.live(height=40)
    assert len([line for line in lines if line.startswith("* f")]) == 12
    assert any("8 more agents at work" in line for line in lines)


def test_a_warning_of_another_agent_is_said_with_its_name() -> None:
    assert "f1: the cache was cold" in Watched().on(ev.Warned(F1, "the cache was cold"))


def test_an_order_names_each_fork_with_its_task_and_bounds() -> None:
    said = Watched().on(appended(FORK))
    assert "f1 mend the parser" in said
    assert "f2 look (read, 3 steps)" in said


def test_no_word_of_an_order_is_lost_where_it_wraps() -> None:
    task = "read all that there is to read here and then say in so many words whether it wraps as it ought to"
    for width in range(20, 60):
        item = forked(e.Fork((e.Child(AgentId("f128"), task, "read"),), Seq(7)), Look())
        rows = "\n".join("".join(part.text for part in line) for line in Paper().lines(item.body, width))
        assert " ".join(rows.split()[5:]) == f"f128 {task} (read)"
        assert max(map(len, rows.splitlines())) <= width


def test_a_report_says_how_it_ended_and_begins() -> None:
    report = e.Report(F1, "done", "Mended `a.py:3`.\n\nTests pass.", 4, first_cache_share=0.99)
    said = Watched().on(appended(FORK), appended(report))
    assert "f1 done · 4 steps · 99% cached at first" in said
    assert "\n  Mended a.py:3.\n" in said
    assert "failed" in Watched().on(appended(replace(report, status="failed")))


def test_the_end_of_a_turn_sums_up_its_forks_and_their_call_is_not_shown_again() -> None:
    watched, ask = Watched(), call("fork", tasks=[{"task": "look"}])
    report = e.Report(F1, "done", "Seen.", 4, e.Usage(100, 20, 900, 0), 0.5)
    watched.on(ev.StepStarted(MAIN, 1), answer("", ask), ev.CallStarted(MAIN, ask))
    watched.on(appended(replace(FORK, call=ask["id"])), appended(report), appended(replace(report, agent=F2)))
    assert watched.on(result("fork", "<report/>")) == ""
    said = watched.on(ev.TurnEnded(MAIN, "done"))
    assert said.splitlines()[-1] == "2 forks · 8 steps · 2.0k in, 90% cached, 40 out · $1.00"


def test_the_end_of_a_turn_tells_forks_from_spawned_agents() -> None:
    report = e.Report(AgentId("s3"), "done", "approve", 2, e.Usage(100, 20, 900, 0))
    spent = "2 steps · 1.0k in, 90% cached, 20 out"
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), appended(report))
    assert watched.on(ev.TurnEnded(MAIN, "done")).splitlines()[-1] == f"1 spawned agent · {spent}"
    watched.on(ev.StepStarted(MAIN, 1), appended(report), appended(replace(report, agent=F1)))
    assert "1 fork · 1 spawned agent · 4 steps" in watched.on(ev.TurnEnded(MAIN, "done"))


def test_a_call_that_forked_nothing_is_shown_with_its_error() -> None:
    watched, ask = Watched(), call("fork", tasks=[{"task": "look"}])
    watched.on(answer("", ask), ev.CallStarted(MAIN, ask))
    assert "fork into 1" in watched.on(result("fork", "too many agents", is_error=True))


def test_what_became_of_files_is_said_unless_nothing_changed() -> None:
    watched = Watched()
    assert "files of f1 merged: a.py" in watched.on(appended(e.Merge(F1, "merged", ("a.py",))))
    conflict = watched.on(appended(e.Merge(F1, "conflict", ("a.py",), ".fork/x")))
    assert "in conflict: a.py" in conflict
    assert ".fork/x" in conflict
    assert "/merge f1" in watched.on(appended(e.Merge(F1, "kept")))
    assert watched.on(appended(e.Merge(F1, "nothing"))) == ""


def test_hostile_words_of_a_fork_reach_nobody_raw() -> None:
    evil = "x\x1b]0;pwned\x07[bold]"
    watched = Watched()
    said = watched.on(
        appended(e.Fork((e.Child(F1, evil),), Seq(3))),
        appended(e.Report(F1, "done", evil)),
        appended(e.Merge(F1, "merged", (evil,))),
        of(F1, answer("", call("bash", command=evil))),
        ev.CallStarted(F1, call("bash", command=evil)),
    )
    assert "\x1b" not in said + "".join(watched.live())
    assert "[bold]" in said


def test_a_stretch_left_behind_is_on_the_board_only_while_it_writes_its_report() -> None:
    watched = Watched()
    left = e.Agent(1, SessionId("s"), F2, "abandoned", "/p", "m", None, (), (), "0", parent=MAIN, task="mend it")
    watched.on(of(F2, appended(left)), of(F2, appended(e.Prompt("Write this report now", ()))))
    assert not watched.stage.busy
    watched.on(ev.StepStarted(F2, 1), ev.TextDelta(F2, "I found"))
    assert any("f2" in line and "writing its report" in line for line in watched.live())
    watched.on(ev.TurnEnded(F2, "done"), of(F2, appended(e.Notice("You are f2."))))
    assert not watched.stage.busy


def test_a_fork_is_on_the_board_from_its_birth() -> None:
    watched = Watched()
    born = e.Agent(1, SessionId("s"), F1, "fork", "/p", "m", None, (), (), "0", parent=MAIN, task="mend it")
    watched.on(of(F1, appended(born)))
    assert any("starting" in line and "mend it" in line for line in watched.live())


def test_the_agent_that_the_screen_moves_to_leaves_the_board() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(F1, 1))
    watched.stage.show(F1)
    watched.stage.past([], F1)
    assert not [line for line in watched.live() if line.startswith("* f1")]
    assert MAIN == "main"


def test_what_the_agent_on_screen_does_is_seen_however_many_others_work_and_however_low_the_terminal_is() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1))
    for n in range(1, 31):
        watched.on(ev.StepStarted(AgentId(f"f{n}"), 1))
    for height in range(3, 16):
        lines = watched.live(height=height)
        assert len(lines) <= height
        assert "esc stops" in lines[0]
        assert lines[1].startswith("* f1")
        assert "more agents at work" in lines[-1]


def test_a_report_is_laid_out_as_markdown_within_the_terminal_and_only_its_beginning_is_shown() -> None:
    words = (
        "**All** is *well* in `a.py`.\n\n"
        + "\n".join(f"{n}. " + "word " * 30 for n in range(1, 9))
        + "\n\n```\nif x:\n"
    )
    item = reported(e.Report(F1, "done", words), Look())
    for width in (24, 40, 80):
        rows = ["".join(part.text for part in row) for row in Paper().lines(item.body, width)]
        assert max(map(len, rows)) <= width
        assert rows[-1].startswith("  … ")
        assert width < 40 or rows[1] == "  All is well in a.py."
        assert width < 40 or len(rows) == 10


def test_what_the_person_answered_to_another_agent_stands_below_its_question() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(F1, 1))
    said = watched.on(of(F1, appended(e.Approval(None, "net", "curl x", "once"))))
    assert "you allowed it with network, once" in said
    assert "you did not allow it" in watched.on(of(F1, appended(e.Approval(None, "net", "curl x", "no"))))

import pytest
from core.build import answer, history, prompt, result, seal, start, tool_use

from forkcli.core.decide import (
    CUT,
    MAX_CONTINUED,
    STOPPED,
    TOO_LARGE,
    Action,
    AnswerLost,
    CallModel,
    Finish,
    Gather,
    MakeRoom,
    RunTools,
    Say,
    Seal,
    is_unfinished,
    next_action,
)
from forkcli.core.entries import Body, Child, Failure, Fork, Interrupt, Message, Notice, Report, Resume, Rewind
from forkcli.core.ids import AgentId, CallId, Seq

A, B = tool_use("a"), tool_use("b")
ASKED: list[Body] = [prompt(), seal()]

CASES: list[tuple[str, list[Body], Action]] = [
    ("nothing was asked", [], Finish("done")),
    ("a prompt is sealed first", [prompt()], Seal()),
    ("a sealed prompt is sent", ASKED, CallModel()),
    ("an answer ends the turn", [*ASKED, answer("hi")], Finish("done")),
    ("an empty answer ends the turn", [*ASKED, answer()], Finish("done")),
    ("calls are run", [*ASKED, answer(A, B)], RunTools((A, B))),
    ("calls are run whatever the stop reason", [*ASKED, answer(A, stop="end_turn")], RunTools((A,))),
    ("a stop for tools without calls is an end", [*ASKED, answer("x", stop="tool_use")], Finish("done")),
    ("only calls that never started are run", [*ASKED, answer(A, B), start("a"), result("a")], RunTools((B,))),
    ("a started call without result is lost", [*ASKED, answer(A, B), start("a")], AnswerLost((CallId("a"),))),
    ("all results make a message", [*ASKED, answer(A), start("a"), result("a")], Seal()),
    ("results that are sealed are sent", [*ASKED, answer(A), start("a"), result("a"), seal()], CallModel()),
    ("a notice alone asks nothing", [*ASKED, answer("hi"), Notice("x")], Finish("done")),
    ("a message is answered", [*ASKED, answer("hi"), Message("user", "and?")], Seal()),
    ("a failure ends the turn", [*ASKED, Failure("unavailable", "down")], Finish("unavailable", "down")),
    ("a refused request ends the turn", [*ASKED, Failure("request", "no")], Finish("failed", "no")),
    ("a resumed failure is sent again", [*ASKED, Failure("unavailable", "down"), Resume("1")], CallModel()),
    ("an interrupt ends the turn", [*ASKED, Interrupt("user")], Finish("interrupted")),
    ("a limit ends the turn", [*ASKED, Interrupt("limit", "5 steps")], Finish("limit", "5 steps")),
    ("a prompt after an interrupt is sealed", [*ASKED, Interrupt("user"), prompt()], Seal()),
    ("calls left by a signal are run on resume", [*ASKED, answer(A), Interrupt("signal"), Resume("1")], RunTools((A,))),
    ("a cut answer goes on", [*ASKED, answer("ha", cut=True), Interrupt("signal"), Resume("1")], Say(STOPPED)),
    ("a refusal ends the turn", [*ASKED, answer("no", stop="refusal")],
     Finish("refused", "the model refused to answer")),
    ("a pause goes on", [*ASKED, answer("a", stop="pause_turn")], CallModel()),
    ("the output limit goes on", [*ASKED, answer("a", stop="max_tokens")], Say(CUT)),
    ("at the window's end room is made", [*ASKED, answer("a", stop="model_context_window_exceeded")],
     MakeRoom(cut=False)),
    ("a request that does not fit makes room", [*ASKED, Failure("context", "too long", 400)], MakeRoom(cut=False)),
    ("a report that does not fit either is cut", [*ASKED, answer("a"), prompt(), seal(), Failure("context", "too long"),
     Rewind(Seq(3), "fork", "r", "told"), seal(), Failure("context", "too long")], MakeRoom(cut=True)),
    ("what does not even fit when it is cut is over", [*ASKED, Failure("context", "too long"), Rewind(Seq(3), "fork",
     "r", "told"), seal(), Failure("context", "too long"), Rewind(Seq(0), "fork", "", "told"), seal(),
     Failure("context", "too long")], Finish("failed", TOO_LARGE)),
    ("rewinding comes after the other calls", [*ASKED, answer(tool_use("r", "rewind"), tool_use())],
     RunTools((tool_use(),))),
    ("rewinding comes when the others have their results", [*ASKED, answer(tool_use("r", "rewind"), tool_use()),
     start(), result()], RunTools((tool_use("r", "rewind"),))),
    ("rewinding comes after the forks", [*ASKED, answer(tool_use("r", "rewind"), tool_use("f", "fork")),
     Fork((Child(AgentId("f1"), "x"),), Seq(4), CallId("f"))], Gather((CallId("f"),))),
    ("a report is answered", [*ASKED, answer("a"), Rewind(Seq(3), "user", "r", "told")], Seal()),
    ("a compaction waits for the next prompt", [*ASKED, answer("a"), Rewind(Seq(3), "user", "r", "told", asks=False)],
     Finish("done")),
    ("back before a prompt all is done", [*ASKED, answer("a"), prompt(), seal(), answer("b"), Rewind(Seq(4), "user")],
     Finish("done")),
    ("an unknown stop reason is an end", [*ASKED, answer("a", stop="novel")], Finish("done")),
]  # fmt: skip


@pytest.mark.parametrize(("bodies", "action"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_next_action(bodies: list[Body], action: Action) -> None:
    assert next_action(history(*bodies)) == action


def test_answers_that_are_cut_again_and_again_end_the_turn() -> None:
    cut: list[Body] = []
    for _ in range(MAX_CONTINUED):
        cut += [answer("a", stop="max_tokens"), CUT, seal()]
    assert next_action(history(*ASKED, *cut)) == CallModel()
    end = next_action(history(*ASKED, *cut, answer("a", stop="max_tokens")))
    assert isinstance(end, Finish)
    assert end.status == "limit"


@pytest.mark.parametrize(
    ("bodies", "unfinished"),
    [
        ([], False),
        ([prompt()], True),
        (ASKED, True),
        ([*ASKED, answer("hi")], False),
        ([*ASKED, answer("no", stop="refusal")], False),
        ([*ASKED, answer(A)], True),
        ([*ASKED, Failure("request", "no")], True),
        ([*ASKED, answer("half", cut=True), Interrupt("user")], True),
    ],
)
def test_a_turn_is_unfinished_until_the_model_has_answered(bodies: list[Body], unfinished: bool) -> None:
    assert is_unfinished(history(*bodies)) is unfinished


def test_a_call_of_an_answer_that_was_cut_is_answered_and_never_run() -> None:
    stopped = history(prompt(), seal(), answer("I do", tool_use(), cut=True), Interrupt("signal"), Resume("0.1.0"))
    assert next_action(stopped) == AnswerLost((CallId("toolu_1"),), started=False)


def test_a_turn_that_was_cut_too_often_goes_on_when_it_is_resumed() -> None:
    cut = [answer("more", stop="max_tokens"), CUT, seal()]
    stopped = history(prompt(), seal(), *cut, *cut, *cut, answer("more", stop="max_tokens"))
    assert isinstance(next_action(stopped), Finish)
    assert next_action(history(*(entry.body for entry in stopped.entries[1:]), Resume("0.1.0"))) == Say(CUT)


def test_a_report_to_an_agent_whose_turn_is_over_waits_for_its_next_prompt() -> None:
    fork = Fork((Child(AgentId("f1"), "look"),), Seq(4), wait=False)
    done = [*ASKED, answer("Done."), fork, Report(AgentId("f1"), "done", "found")]
    assert not is_unfinished(history(*done))
    assert is_unfinished(history(*done[:-1]))
    assert is_unfinished(history(*done, prompt()))

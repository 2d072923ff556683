"""Which outside check comes next, from the history alone."""

import pytest
from build import answer, history, prompt, seal
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.check_entries import Checked, Checks
from forkcli.core.checking import (
    HEAD_CHARS,
    TAIL_CHARS,
    NextCheck,
    Review,
    RunCommand,
    Spent,
    clipped,
    in_force,
    next_check,
    round_told,
)
from forkcli.core.decide import Finish, Seal, is_unfinished, next_action
from forkcli.core.entries import Body, Child, Interrupt, Report, Resume, Spawn, Usage
from forkcli.core.ids import AgentId, Seq
from forkcli.core.messages import text_of
from forkcli.core.seal import sealed

BOTH = Checks("make test", 2, review=1, perspective="speed")
TURN = (prompt(), seal(), answer("done"))


def until(passed: bool, number: int = 1) -> Checked:
    return Checked("until", "make test", passed, number, 2, "" if passed else "it fails")


def review(passed: bool, number: int = 1) -> Checked:
    return Checked("review", "speed", passed, number, 1, "" if passed else "a.py:3 is slow", sender="s1")


def again(checked: Checked) -> tuple[Body, ...]:
    """A failed check, and the answer that the agent gave to it."""
    return (checked, seal(), answer("mended"))


def due(*bodies: Body) -> NextCheck | None:
    return next_check(history(*bodies))


def test_nothing_is_due_where_nothing_was_asked() -> None:
    assert due(*TURN) is None
    assert due(Checks(), *TURN) is None
    assert due(BOTH) is None
    assert due(BOTH, prompt(), seal()) is None


def test_the_command_comes_first_then_the_review() -> None:
    assert due(BOTH, *TURN) == RunCommand("make test", 1, 2)
    assert due(BOTH, *TURN, until(True)) == Review("speed", 1, 1)
    assert due(BOTH, *TURN, until(True), review(True)) is None


def test_a_newer_answer_is_checked_again_by_both() -> None:
    mended = (BOTH, *TURN, until(True), *again(review(False)))
    assert due(*mended) == RunCommand("make test", 1, 2)
    assert due(*mended, until(True)) == Review("speed", 2, 1)
    assert isinstance(due(*mended, until(True), *again(review(False, 2)), until(True)), Spent)


def test_rounds_are_counted_since_the_prompt() -> None:
    spent = (BOTH, *TURN, *again(until(False, 1)), *again(until(False, 2)), *again(until(False, 3)))
    assert due(*spent) == Spent("`make test` still fails after 2 rounds (--max-rounds)")
    assert due(*spent, *TURN) == RunCommand("make test", 1, 2)
    assert due(*spent, Interrupt("limit", "spent"), Resume("0.1.0")) == RunCommand("make test", 1, 2)
    assert due(*spent, BOTH) == RunCommand("make test", 1, 2)


def test_checks_that_are_ordered_anew_do_not_believe_the_earlier_ones() -> None:
    assert due(BOTH, *TURN, until(True), review(True), BOTH) == RunCommand("make test", 1, 2)


def test_a_turn_with_a_check_to_come_is_unfinished() -> None:
    assert is_unfinished(history(BOTH, *TURN))
    assert not is_unfinished(history(BOTH, *TURN, until(True), review(True)))
    assert not is_unfinished(history(*TURN))


def test_a_review_is_unfinished_until_what_its_reviewer_said_is_a_verdict() -> None:
    order = Spawn("look", (Child(AgentId("s1"), "review", "read"),), Seq(4), interview="none", merge="none")
    report = Report(AgentId("s1"), "done", "approve", 1, Usage())
    assert is_unfinished(history(BOTH, *TURN, until(True), order))
    assert is_unfinished(history(BOTH, *TURN, until(True), order, report))
    assert not is_unfinished(history(BOTH, *TURN, until(True), order, report, review(True)))


def test_a_failure_is_a_message_that_has_to_be_answered_and_a_success_says_nothing() -> None:
    failed = history(BOTH, *TURN, until(False))
    assert next_action(failed) == Seal()
    assert text_of(sealed([], failed.parts, "<end/>")) == '<message from="check">\nit fails\n</message>\n\n<end/>'
    assert next_action(history(BOTH, *TURN, until(True))) == Finish("done")


def test_a_fork_is_held_to_nothing_that_was_asked_of_its_parent() -> None:
    parent = history(BOTH, *TURN)
    assert in_force(parent.branch()) == Checks()
    assert not is_unfinished(parent.branch())


@given(st.text(max_size=3 * TAIL_CHARS), st.text(max_size=3 * TAIL_CHARS))
def test_what_is_told_of_an_output_is_bounded(head: str, tail: str) -> None:
    assert len(clipped(head, tail, "there")) <= HEAD_CHARS + TAIL_CHARS + 60


@pytest.mark.parametrize(("head", "tail", "told"), [("", "", "(nothing)"), ("\n a\n\n", "", " a")])
def test_a_short_output_is_told_as_it_is(head: str, tail: str, told: str) -> None:
    assert clipped(head, tail, "there") == told


def test_the_last_round_says_so() -> None:
    assert [round_told(n, 1) for n in (1, 2)] == ["round 1 of 1", "no round is left of 1"]


@given(st.lists(st.sampled_from([*TURN, BOTH, Checks(), until(True), until(False), review(True), review(False)])))
def test_any_history_has_a_next_check_or_none(bodies: list[Body]) -> None:
    found = next_check(history(*bodies))
    assert found is None or any(isinstance(body, Checks) for body in bodies)
    assert found is None or isinstance(found, RunCommand | Review | Spent)

"""The list of `/rewind`, from a history alone."""

from core.build import answer, entries, prompt, result, seal, tool_use

from forkcli.commands.rewindable import rewind_rows
from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq


def test_where_nothing_was_asked_there_is_nowhere_to_go_back_to() -> None:
    assert rewind_rows(History()) == ()
    assert rewind_rows(History.of(entries([]))) == ()


def test_prompts_and_steps_have_the_numbers_of_their_checkpoints() -> None:
    done = [prompt("first"), seal(3), answer(tool_use()), result(), seal(6), answer("so")]
    first, second = rewind_rows(History.of(entries([*done, prompt("second"), seal(9), answer("so")])))
    assert (first.to, first.number, first.prompt, [step.to for step in first.steps]) == (1, 3, 2, [6])
    assert (second.to, second.number, second.prompt, second.steps) == (7, 9, 8, ())


def test_a_report_is_a_step_by_its_own_words() -> None:
    back = e.Rewind(Seq(3), "user", "It was\nthe test.", "<report>", abandoned=AgentId("f1"))
    (row, undo) = rewind_rows(History.of(entries([prompt("first"), seal(3), answer("so"), back, seal(6)])))
    assert [(step.to, step.did) for step in row.steps] == [(6, "report of f1: It was the test.")]
    assert (undo.undo, undo.number) == (True, 4)


def test_a_head_that_was_gone_back_to_is_one_row_whatever_snapshots_lie_beside_it() -> None:
    noted = e.Snapshot(Seq(4), "0" * 40, (), "before")
    back, undo = e.Rewind(Seq(1), "user"), e.Rewind(Seq(5), "user")
    once = [prompt("first"), seal(3), answer("so"), noted, back]
    assert [(row.undo, row.number) for row in rewind_rows(History.of(entries(once)))] == [(True, 4)]
    again = History.of(entries([*once, undo, noted, back]))
    assert [(row.undo, row.number) for row in rewind_rows(again)] == [(True, 7)]


def test_a_prompt_that_was_never_sent_has_its_own_number() -> None:
    (row,) = rewind_rows(History.of(entries([prompt("first")])))
    assert (row.to, row.number, row.prompt) == (1, 2, 2)

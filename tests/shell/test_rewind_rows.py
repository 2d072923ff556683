"""The list of `/rewind`, from a history alone."""

from core.build import answer, entries, prompt, result, seal, tool_use

from forkcli.commands.rewindable import rewind_rows
from forkcli.core.history import History


def test_where_nothing_was_asked_there_is_nowhere_to_go_back_to() -> None:
    assert rewind_rows(History()) == ()
    assert rewind_rows(History.of(entries([]))) == ()


def test_prompts_and_steps_have_the_numbers_of_their_checkpoints() -> None:
    done = [prompt("first"), seal(3), answer(tool_use()), result(), seal(6), answer("so")]
    first, second = rewind_rows(History.of(entries([*done, prompt("second"), seal(9), answer("so")])))
    assert (first.to, first.number, first.prompt, [step.to for step in first.steps]) == (1, 3, 2, [6])
    assert (second.to, second.number, second.prompt, second.steps) == (7, 9, 8, ())


def test_a_prompt_that_was_never_sent_has_its_own_number() -> None:
    (row,) = rewind_rows(History.of(entries([prompt("first")])))
    assert (row.to, row.number, row.prompt) == (1, 2, 2)

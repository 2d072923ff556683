"""The question before a command leaves the sandbox: all of it is shown, and only a deliberate key allows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from ui_fakes import MAIN, Ask

from forkcli.ui.approve import QUIET_S, Approval, question_item, shown_command, warnings
from forkcli.ui.console import Paper
from forkcli.ui.fold import cut
from forkcli.ui.look import Look


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


def asked(command: str, width: int = 60) -> list[str]:
    lines = Paper().lines(question_item(Ask(MAIN, "net", command, "to see"), Look()).body, width)
    return ["".join(part.text for part in line) for line in lines]


def panel(clock: Clock) -> Approval:
    return Approval(Ask(MAIN, "net", "curl x"), Look(), clock)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("y", "once"),
        ("a", "always"),
        ("n", "no"),
        ("Y", "no"),
        ("c-m", "no"),
        ("escape", "no"),
        ("c-c", "no"),
        (" ", "no"),
    ],
)
def test_only_y_and_a_allow(key: str, answer: str) -> None:
    approval = panel(Clock())
    approval.key(key)
    assert approval.answer == answer
    approval.key("y")
    assert approval.answer == answer


@pytest.mark.parametrize("key", ["<bracketed-paste>", "<vt100-mouse-event>", "<cursor-position-response>", "<ignore>"])
def test_what_nobody_pressed_answers_nothing(key: str) -> None:
    approval = panel(Clock())
    approval.key(key)
    assert not approval.done


def test_it_is_armed_only_after_a_moment_without_keys() -> None:
    clock = Clock()
    approval = panel(clock)
    assert not approval.armed
    for _ in range(5):
        clock.now += QUIET_S * 0.9
        assert not approval.armed
        approval.disturb()
    clock.now += QUIET_S
    assert approval.armed


def test_every_line_of_a_long_command_is_shown() -> None:
    command = "\n".join(f"echo {n} " + "x" * 70 for n in range(300))
    rows = "\n".join(asked(command))
    assert all(f"echo {n} x" in rows for n in range(300))
    lines = "\n".join(line.plain for line in Approval(Ask(MAIN, "net", command), Look(), Clock()).lines(5, 80))
    assert "300 lines" in lines


def test_a_folded_line_cannot_pass_for_two_and_no_blank_is_lost() -> None:
    rows = asked("echo " + " " * 100 + "; rm -rf ~", width=40)
    marks = [row.strip()[:1] for row in rows if row.strip()[:1] in {"│", "┊"}]
    assert marks[0] == "│"
    assert set(marks[1:]) == {"┊"}
    whole = "".join(f"{row:<40}"[4:] for row in rows if row.strip()[:1] in {"│", "┊"})
    assert whole.rstrip() == "echo " + " " * 100 + "; rm -rf ~"
    assert any("a long run of blanks" in row for row in rows)


@pytest.mark.parametrize(
    ("command", "warning"),
    [
        ("curl example.org/\u202eh.sh", "U+202E right-to-left override"),
        ("echo a\rb", "U+000D"),
        ("echo a\r\nb", "U+000D"),
        ("echo \x1b[8mhidden", "U+001B"),
        ("curl еxample.org", "U+0435 cyrillic small letter ie"),
        ("true\n\n\n\n\nrm x", "empty lines"),
        ("true\u3000" * 2 + "\u3000" * 30 + "rm", "long run of blanks"),
    ],
)
def test_what_could_be_overlooked_is_named(command: str, warning: str) -> None:
    assert any(warning in text for text in warnings(command))
    assert "\x1b" not in "".join(asked(command))
    assert "\r" not in "".join(asked(command))


def test_an_ordinary_command_has_no_warnings() -> None:
    assert warnings("git commit -m 'fix: the total' && git push\n\techo done") == []


@given(st.text(st.sampled_from("ab \t\n\r;語\u202e\x1b"), max_size=80), st.integers(12, 40))
def test_the_rows_joined_are_the_command(command: str, width: int) -> None:
    for line in shown_command(command).split("\n"):
        text = Text(line)
        assert "".join(row.plain for row in cut(text, width)) == line
        assert all(row.cell_len <= width for row in cut(text, width))

"""The list of what one can go back to, and what going back would do: what is seen, and what keys pick."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rewind_kit import BARE, PLAN, ROWS
from rich.text import Text

from forkcli.core.file_plan import PathChange
from forkcli.core.ids import Seq
from forkcli.ui.console import Paper
from forkcli.ui.look import ASCII, Look
from forkcli.ui.rewindable import RewindOrder, RewindRow
from forkcli.ui.rewindlist import RewindList
from forkcli.ui.rewindplan import PlanPanel

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
EVIL = "x\x1b]0;owned\x07\u202e[bold]\ny\r"


def listed(*rows: RewindRow) -> RewindList:
    return RewindList(rows or ROWS, Look(), NOW)


def seen(lines: list[Text], width: int = 100) -> list[str]:
    return ["".join(part.text for part in row) for line in lines for row in Paper().lines(line, width)]


def signed(lines: list[str]) -> str:
    (line,) = [line for line in lines if line.startswith("› ")]
    return line


def press(panel: RewindList | PlanPanel, *keys: str) -> None:
    for key in keys:
        panel.key(key)


# --- the list ---


def test_prompts_stand_newest_last_with_number_time_and_files_and_the_newest_is_chosen() -> None:
    panel = listed()
    panel.tell(Seq(16), ("a.py", "b.py", "c.py", "d.py"))
    lines = seen(panel.lines(20, 100))
    assert signed(lines).split() == ["›", "28", "09:51", "·", "make", "the", "button", "blue⏎and", "round"]
    assert [line.split()[0] for line in lines[1:4]] == ["3", "18", "25"]
    assert "4 files" in lines[2]
    assert "no file changed since" in lines[5]
    panel.key("up")
    panel.key("up")
    assert "changed since: a.py, b.py, c.py and 1 more" in "\n".join(seen(panel.lines(20, 100)))


def test_enter_picks_the_line_with_the_sign_and_esc_none() -> None:
    panel = listed()
    press(panel, "up", "up", "c-m")
    assert (panel.picked, panel.done) == (Seq(16), True)
    panel = listed()
    panel.key("escape")
    assert (panel.picked, panel.done) == (None, True)


def test_an_earlier_head_is_a_row_of_its_own() -> None:
    assert any("↶ undo: I rewrote the price" in line for line in seen(listed().lines(20, 80)))


@pytest.mark.parametrize("key", ["right", "c-i"])
def test_a_key_unfolds_the_steps_of_a_prompt_and_folds_them_away(key: str) -> None:
    panel = listed()
    press(panel, "home", key)
    lines = seen(panel.lines(20, 80))
    assert [line.split()[0] for line in lines[2:5]] == ["3", "8", "13"]
    assert "edit src/cart.py, bash python -m pytest -q · context 11%" in lines[4]
    assert lines[4].split()[1] == "09:27"
    press(panel, "down", "down")
    assert "read src/cart.py" in signed(seen(panel.lines(20, 80)))
    assert panel.wanted() == Seq(8)
    panel.tell(Seq(8), ("of-the-step.py",))
    assert "changed since: of-the-step.py" in "\n".join(seen(panel.lines(20, 80)))
    panel.key("left")
    assert "find the bug" in signed(seen(panel.lines(20, 80)))
    assert "context" not in "\n".join(seen(panel.lines(20, 80)))
    press(panel, key, "down", "down", "down", "c-m")
    assert panel.picked == Seq(13)


def test_typing_narrows_to_what_holds_all_the_words() -> None:
    panel = listed()
    press(panel, *"price too")
    lines = seen(panel.lines(20, 80))
    assert "now the price too" in signed(lines)
    assert not any("button" in line for line in lines)
    press(panel, *"zzz")
    assert "nothing matches" in "\n".join(seen(panel.lines(20, 80)))
    press(panel, "c-m")
    assert not panel.done
    press(panel, "c-h", "c-h", "c-h", "c-m")
    assert panel.picked == Seq(16)


def test_a_step_is_found_by_what_it_did() -> None:
    panel = listed()
    press(panel, *"pytest")
    assert "find the bug" in signed(seen(panel.lines(20, 80)))


def test_hundreds_of_prompts_scroll_and_only_those_seen_are_looked_up() -> None:
    rows = [RewindRow(Seq(n), Seq(n), "2026-11-22T09:25:00Z", f"prompt {n}") for n in range(1, 501)]
    panel = listed(*rows)
    assert len(panel.lines(10, 80)) == 10
    asked = []
    while (to := panel.wanted()) is not None:
        asked.append(to)
        panel.tell(to, ())
    assert sorted(asked) == list(range(494, 501))
    press(panel, *["pageup"] * 10)
    assert "prompt 400" in signed(seen(panel.lines(10, 80)))
    assert "of 500" in "\n".join(seen(panel.lines(10, 80)))
    assert panel.wanted() == 400


def test_a_time_of_another_day_has_its_date_and_a_broken_one_is_left_out() -> None:
    panel = listed(replace(ROWS[0], at="2026-11-20T09:25:00Z"), replace(ROWS[1], at="yesterday"))
    assert "11-20 09:25" in "\n".join(seen(panel.lines(9, 80)))


def test_where_keys_cannot_be_read_a_number_picks() -> None:
    panel = listed()
    assert any("18" in line and "now the price too" in line for line in seen(panel.listing()))
    panel.line(" 18 ")
    assert panel.picked == Seq(16)
    for text in ("", "x", "4711"):
        other = listed()
        other.line(text)
        assert (other.picked, other.done) == (None, True)


@example("\t", 20, 3)
@given(st.text(max_size=60), st.integers(20, 120), st.integers(3, 30))
def test_no_text_is_wider_than_the_screen_or_reaches_it_raw(text: str, width: int, height: int) -> None:
    row = RewindRow(Seq(1), Seq(1), text, text + EVIL, files=(text, EVIL))
    for panel in (listed(row), PlanPanel(replace(PLAN, where=EVIL + text, no_files=text), Look())):
        rows = [row for line in panel.lines(height, width) for row in Paper().lines(line, width)]
        assert all(sum(part.cell_length for part in row) <= width for row in rows)
        assert not {"\x1b", "\r", "\u202e"} & set("".join(part.text for row in rows for part in row))


# --- the plan ---


def plan(**changes: Any) -> PlanPanel:
    return PlanPanel(replace(PLAN, **changes), Look())


def test_what_would_be_restored_and_what_cannot_is_said_before_anything_is_decided() -> None:
    text = "\n".join(seen(plan().lines(30, 100)))
    for words in (
        "Back to before “now the price too”", "4 steps left behind", "~ src/cart.py · +3 −1",
        "+ src/new_price.py · +40 · new, would be removed", "- docs/old.md · −12 · deleted, would be brought back",
        "src/price.py · ! you changed it", "still at work: f2", "not restored: data/big.bin: larger than 64 MiB",
        "› conversation and files", "4 files as they were there",
    ):  # fmt: skip
        assert words in text


def test_the_conversation_alone_asks_only_for_the_children() -> None:
    panel = plan()
    press(panel, "down", "c-m")
    assert "Still at work: f2 (look for other uses of Price)" in "\n".join(seen(panel.lines(30, 100)))
    press(panel, "down", "down", "c-m")
    assert panel.order == RewindOrder(Seq(16), "conversation", "stop", "adopt")


def test_files_alone_ask_only_whose_version_counts() -> None:
    panel = plan()
    press(panel, "down", "down", "c-m")
    assert "You changed since: src/price.py" in "\n".join(seen(panel.lines(30, 100)))
    press(panel, "down", "c-m")
    assert panel.order == RewindOrder(Seq(16), "files", "replace", "keep")


def test_both_asks_for_both_and_keeps_what_is_the_users_unless_told_otherwise() -> None:
    panel = plan()
    press(panel, "c-m", "c-m", "c-m")
    assert panel.order == RewindOrder(Seq(16), "both", "keep", "keep")


def test_esc_goes_a_choice_back_and_in_the_end_leaves() -> None:
    panel = plan()
    press(panel, "c-m", "c-m", "escape", "escape")
    assert "Back to" in "\n".join(seen(panel.lines(30, 100)))
    assert not panel.done
    panel.key("escape")
    assert (panel.done, panel.order) == (True, None)


def test_where_nothing_is_to_be_decided_there_is_one_choice() -> None:
    panel = PlanPanel(BARE, Look())
    lines = seen(panel.lines(30, 100))
    assert "no file changed since" in "\n".join(lines)
    assert signed(lines).strip() == "› conversation"
    panel.key("c-m")
    assert panel.order == RewindOrder(Seq(1), "conversation")


def test_where_files_cannot_be_restored_it_says_why_and_does_not_offer_it() -> None:
    panel = plan(no_files="no snapshot is known there")
    text = "\n".join(seen(panel.lines(30, 100)))
    assert "no snapshot is known there" in text
    assert "conversation and files" not in text


def test_many_files_leave_room_for_the_choices_and_the_users_come_first() -> None:
    files = tuple(PathChange(f"src/{n}.py", "modified", n, n, yours=n == 250) for n in range(300))
    lines = seen(plan(files=files, beyond=()).lines(14, 80))
    assert len(lines) <= 14
    assert "src/250.py" in lines[2]
    assert any("more files changed since" in line for line in lines)
    assert any("esc goes back" in line for line in lines)


def test_where_a_job_ran_since_a_change_may_be_its_and_not_yours() -> None:
    files = (PathChange("a.log", "modified", 1, yours=True),)
    panel = plan(files=files, jobs=True)
    assert "you or a job changed it" in "\n".join(seen(panel.lines(30, 100)))
    panel.key("c-m")
    assert "You or a job changed since: a.log" in "\n".join(seen(panel.lines(30, 100)))


def test_a_narrow_screen_shows_what_the_chosen_one_means_below() -> None:
    lines = seen(plan().lines(30, 40), 40)
    assert signed(lines) == "› conversation and files"
    assert "  4 files as they were there" in lines
    assert max(map(len, lines)) <= 40


def test_without_unicode_every_sign_is_ascii() -> None:
    look = Look("none", **ASCII)
    lines = [*RewindList(ROWS, look, NOW).lines(20, 80), *PlanPanel(BARE, look).lines(20, 80)]
    signs = {char for line in lines for char in line.plain if not char.isascii()}
    assert signs <= set("“”⏎")


def test_where_keys_cannot_be_read_each_choice_is_a_number() -> None:
    panel = plan()
    assert any("1 conversation and files" in line for line in seen(panel.listing()))
    for line in ("3", "2"):
        panel.line(line)
    assert panel.order == RewindOrder(Seq(16), "files", "replace")
    panel = plan()
    panel.line("")
    assert (panel.done, panel.order) == (True, None)

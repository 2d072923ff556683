"""The sanitizer: nothing that drives a terminal or deceives a reader comes through, nothing honest is lost."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.ui.sanitize import command_lines, first_line, one_line, sanitize

TRICKY = (
    "\x1b\x07\x08\r\n\t\x9b\x90\x7f\u202e\u2066\u200b\u200d\u200c\ufe0f\ufe0e\u20e3\U000e0041\U000e0100\ufeff\u2028"
    "\ud800\udfff\ufffe\U0001f468\U0001f4bb❤a1مन\u0301\u0489\x00[]m;31"
)
texts = st.text(st.one_of(st.sampled_from(TRICKY), st.characters()), max_size=60)


@given(texts, st.booleans())
def test_the_output_holds_no_control_and_cleaning_twice_is_cleaning_once(text: str, colours: bool) -> None:
    clean = sanitize(text, colours=colours)
    controls = [char for char in clean if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char not in "\n\t"]
    assert controls == []
    assert not any("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in clean)
    assert not any(0xE0000 <= ord(char) <= 0xE0FFF for char in clean)
    assert sanitize(clean) == clean
    assert len(clean) <= 10 * len(text)
    clean.encode("utf-8")


@given(texts)
def test_a_line_stays_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert "\t" not in one_line(text)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs", "Sm", "Sc"]), max_size=60))
def test_ordinary_text_is_left_alone(text: str) -> None:
    hidden = "\u115f\u1160\u3164\uffa0"
    assert sanitize(text) == text or any(char in hidden for char in text)


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b]52;c;aGk=", "␛]52;c;aGk="),  # not terminated
        ("\x1bP1$r\x1b\\", "␛P1$r␛\\"),
        ("\x9b31m", "\\x9b31m"),
        ("safe\rrm -rf", "safe␍rm -rf"),
        ("abc\b\b\bxyz", "abc␈␈␈xyz"),
        ("a\u202eb", "a\\u202eb"),
        ("pass\u200bword", "pass\\u200bword"),
        ("\U000e0068\U000e0069", "\\U000e0068\\U000e0069"),
        ("x\ufe0f\ufe0f", "x\\ufe0f\\ufe0f"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud83d", "\\ud83d"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301\\u0301"),
    ],
)
def test_an_attack_is_shown_and_not_carried_out(attack: str, shown: str) -> None:
    assert sanitize(attack) == shown


@pytest.mark.parametrize(
    "honest",
    [
        "naïve café",
        "日本語",
        "⚠\ufe0f careful",
        "1\ufe0f\u20e3 first",
        "👨\u200d💻",
        "می\u200cخواهم",
        "क्\u200dष",
        "a\tb\nc",
    ],
)
def test_emoji_and_scripts_that_need_joiners_stay_as_they_are(honest: str) -> None:
    assert sanitize(honest) == honest


def test_line_ends_of_windows_are_line_ends() -> None:
    assert sanitize("a\r\nb\r\n") == "a\nb\n"


def test_output_of_commands_loses_its_colours_and_progress_bars_become_lines() -> None:
    assert command_lines("\x1b[32mok\x1b[0m\r\n1%\r2%\n") == ["ok", "1%", "2%", ""]
    assert command_lines("\x1b[2Jx") == ["␛[2Jx"]


def test_a_cut_line_says_so() -> None:
    assert one_line("a\nb" * 200, limit=5) == "a⏎ba…"


def test_of_words_with_many_lines_the_first_that_says_something_stands_for_all() -> None:
    assert first_line("\n\n  Review it.\r\n\nThen say so.") == "Review it. …"
    assert first_line("one line\n") == "one line"
    assert first_line("x" * 300, 5) == "xxxx…"
    assert first_line(" \n ") == ""


@given(texts)
def test_a_first_line_stays_one_line(text: str) -> None:
    assert not {"\n", "\t", "⏎"} & (set(first_line(text)) - set(text))

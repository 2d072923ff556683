"""Mistyped words, and the known ones that they were meant to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.nearby import nearby

VERBS = ("ls", "tree", "show", "export", "clean", "doctor")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lss", "ls"),
        ("exprot", "export"),
        ("tre", "tree"),
        ("treee", "tree"),
        ("shaw", "show"),
        ("dcotor", "doctor"),
        ("leanc", None),
        ("tree", None),
        ("is", None),
        ("", None),
        ("refactor", None),
        ("explain", None),
    ],
)
def test_a_word_one_slip_away_from_a_known_one_is_told(typed: str, meant: str | None) -> None:
    assert nearby(typed, VERBS) == meant


@given(st.text("abc", min_size=3, max_size=8), st.data())
def test_every_single_slip_is_found_and_whatever_is_found_is_a_slip(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    slips = [word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word[:at] + "x" + word[at + 1 :]]
    slips += [word[:at] + word[at + 1] + word[at] + word[at + 2 :]] if at + 1 < len(word) else []
    for typed in slips:
        assert nearby(typed, [word]) == (word if typed != word and len(typed) >= 3 else None)
    assert nearby(word + "xy", [word]) is None

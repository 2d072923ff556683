"""Cutting an output: nothing is lost without being said, and the whole lies where it is said to."""

from pathlib import Path

import pytest
from tools_kit import ended

from forkcli.tools.output import LIMIT_CHARS, count_lines, shown, size

NOWHERE = Path("does-not-exist")


def test_what_fits_is_shown_whole() -> None:
    output = shown(ended("one\ntwo\n"), NOWHERE, "out")
    assert (output.text, output.cut) == ("one\ntwo", False)


def test_head_and_tail_are_cut_at_line_ends_and_the_gap_is_counted(tmp_path: Path) -> None:
    lines = [f"line {number:05}\n" for number in range(10_000)]
    (tmp_path / "out").write_text("".join(lines))
    head, tail = "".join(lines)[:20_001], "".join(lines)[-10_003:]
    end = ended(head, tail, total=110_000, spooled=True)
    output = shown(end, tmp_path / "out", "outputs/out")
    assert output.cut
    before, note, after = output.text.partition("[… 7,273 lines, 78.1 KiB left out; all of it: outputs/out …]\n")
    assert note
    assert before.endswith("line 01817\n")
    assert after.startswith("line 09091\n")
    assert after.endswith("line 09999")
    assert 1818 + 7273 + 909 == 10_000


def test_what_the_ring_held_but_the_context_does_not_is_cut_too() -> None:
    output = shown(ended("x" * 30_500), NOWHERE, "out")
    assert output.cut
    assert "[… 500 bytes left out; all of it: out …]" in output.text
    assert len(output.text) < LIMIT_CHARS + 200


def test_one_endless_line_is_cut_within_it() -> None:
    output = shown(ended("y" * 20_480, "z" * 10_240, total=5_000_000, spooled=True), NOWHERE, "out")
    assert "yyy\n[… 4.7 MiB left out; all of it: out …]\nzzz" in output.text


def test_the_characters_shown_never_exceed_the_limit() -> None:
    for char in ("x", "é", "漢", "x\n"):
        head = (char * 20_480)[: 20_480 // len(char.encode()) * len(char)]
        output = shown(ended(head * 2, head, total=10**9, spooled=True), NOWHERE, "out")
        assert len(output.text) < LIMIT_CHARS + 200


@pytest.mark.parametrize("spooled", [True, False])
def test_binary_output_is_described(*, spooled: bool) -> None:
    output = shown(ended("\x7fELF" + "\0\ufffd" * 500, total=2000, spooled=spooled), NOWHERE, "out")
    assert output.text.startswith("[binary output, 2,000 bytes, not shown; ")
    assert output.cut is spooled
    assert ("all of it: out" in output.text) is spooled


def test_lines_are_counted_with_and_without_a_last_newline(tmp_path: Path) -> None:
    for content, lines in (("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)):
        (tmp_path / "x").write_text(content)
        assert count_lines(tmp_path / "x") == lines
    assert count_lines(NOWHERE) is None


def test_sizes_are_for_people() -> None:
    assert [size(count) for count in (0, 1, 9999, 10_000, 1 << 20, 5_000_000_000)] == [
        "0 bytes",
        "1 byte",
        "9,999 bytes",
        "9.8 KiB",
        "1.0 MiB",
        "4,768.4 MiB",
    ]

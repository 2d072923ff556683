"""What a command wrote, as text for the model."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.tools.plain import is_binary, plain


@pytest.mark.parametrize(
    ("wrote", "read"),
    [
        ("\x1b[1;31mred\x1b[0m plain", "red plain"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never ended\nnext", "\nnext"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("\x1b(Btext\x1b=\x1b>", "text"),
        ("\x9b31mred", "red"),
        ("end\x1b", "end"),
        ("end\x1b[", "end"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("one\r\ntwo\r\r\n", "one\ntwo\n"),
        ("100%\r", "100%"),
        ("N\x08NA\x08AM\x08ME\x08E", "NAME"),
        ("\x08\x08a\n\x08b", "a\nb"),
        ("a\0b", "a␀b"),
        ("bell\x07 tab\t c1\x85", "bell tab\t c1"),
        ("wide é 漢 😀", "wide é 漢 😀"),
    ],
)
def test_what_only_a_terminal_would_understand_is_gone(wrote: str, read: str) -> None:
    assert plain(wrote) == read


@given(st.text(alphabet=st.sampled_from("ab\n\r\x1b[]()P;m0\x07\x08\\\x9b\x9d\0 é"), max_size=60))
def test_nothing_that_moves_a_cursor_is_ever_left(wrote: str) -> None:
    said = plain(wrote)
    assert all(char in {"\n", "\t"} or (ord(char) >= 32 and not 0x7F <= ord(char) < 0xA0) for char in said)
    assert plain(said) == said


@pytest.mark.parametrize(
    "wrote",
    ["\x1b]" * 500_000, "\x1b[" * 500_000, "a\x08" * 500_000, "a" * 500_000 + "\x08" * 500_000, "\r" * 1_000_000],
)
def test_hostile_output_takes_little_time(wrote: str) -> None:
    began = time.process_time()
    plain(wrote)
    assert time.process_time() - began < 20  # for ever, where it takes time in the square of its length


def test_programs_and_archives_are_binary_and_lists_of_names_are_not() -> None:
    assert is_binary((b"\x7fELF\x02\x01\x01" + bytes(200)).decode(errors="replace"))
    assert is_binary(bytes(range(256)).decode(errors="replace") * 4)
    assert is_binary("wide".encode("utf-16").decode(errors="replace"))
    assert not is_binary("./src/some/file.py\0./src/another.py\0")
    assert not is_binary("caf\ufffd is one letter wrong in a line")
    assert not is_binary("\x1b[31mred\x1b[0m\n")
    assert not is_binary("")

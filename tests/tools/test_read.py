"""`read`: text, ranges, hostile bytes, directories, and what is no text."""

import os

import pytest
from tools_kit import Desk, complaint, text

from forkcli.errors import ForkError
from forkcli.tools.filetypes import binary_kind
from forkcli.tools.read import read_tool
from forkcli.tools.scan import SHOWN_BYTES

READ = read_tool()


async def shown(desk: Desk, data: bytes, **args: object) -> str:
    (desk.root / "x.txt").write_bytes(data)
    return text(await desk.call(READ, path="x.txt", **args))


async def refused(desk: Desk, **args: object) -> str:
    with pytest.raises(ForkError) as caught:
        await desk.call(READ, **args)
    return complaint(caught.value)


async def test_lines_are_numbered_from_one(desk: Desk) -> None:
    assert await shown(desk, b"one\n\n\tthree\n") == "     1\tone\n     2\t\n     3\t\tthree"


async def test_a_range_says_how_to_go_on(desk: Desk) -> None:
    data = b"".join(b"line %d\n" % number for number in range(1, 11))
    assert await shown(desk, data, offset=4, limit=2) == (
        "     4\tline 4\n     5\tline 5\n[lines 4-5 of 10; go on with offset 6]"
    )
    assert await shown(desk, data, offset=9) == "     9\tline 9\n    10\tline 10"


async def test_a_last_line_without_newline_counts_and_is_said(desk: Desk) -> None:
    assert await shown(desk, b"one\ntwo") == "     1\tone\n     2\ttwo\n[no newline at the end]"
    assert await shown(desk, b"one\ntwo", limit=1) == "     1\tone\n[lines 1-1 of 2; go on with offset 2]"


async def test_an_offset_past_the_end_says_how_many_lines_there_are(desk: Desk) -> None:
    (desk.root / "x.txt").write_bytes(b"one\ntwo\n")
    assert await refused(desk, path="x.txt", offset=3) == "`x.txt` has 2 lines: offset 3 is past its end"
    (desk.root / "x.txt").write_bytes(b"one")
    assert await refused(desk, path="x.txt", offset=2) == "`x.txt` has 1 line: offset 2 is past its end"


async def test_an_empty_file_says_so(desk: Desk) -> None:
    assert await shown(desk, b"") == "[`x.txt` is empty]"


async def test_a_file_of_only_a_byte_order_mark_is_empty_too(desk: Desk) -> None:
    assert await shown(desk, b"\xef\xbb\xbf") == "[`x.txt` is empty but for a byte order mark]"


async def test_without_limit_two_thousand_lines_are_shown(desk: Desk) -> None:
    said = await shown(desk, b"x\n" * 5432)
    assert said.endswith("  2000\tx\n[lines 1-2000 of 5432; go on with offset 2001]")


async def test_no_answer_is_longer_than_64_kib_and_it_goes_on_without_a_gap(desk: Desk) -> None:
    data = b"".join(b"%05d %s\n" % (number, b"y" * 994) for number in range(1, 301))
    said = await shown(desk, data)
    assert len(said.encode()) <= SHOWN_BYTES + 100
    last = said.splitlines()[-1]
    assert last.startswith("[lines 1-65 of 300")
    assert (await shown(desk, data, offset=66)).startswith("    66\t00066 y")


async def test_a_long_line_is_cut_with_the_number_of_bytes_left_out(desk: Desk) -> None:
    said = await shown(desk, b"a" * 3456 + b"\nshort\n")
    assert said == f"     1\t{'a' * 2000} [… 1,456 more bytes in this line]\n     2\tshort"


async def test_a_long_line_of_wide_characters_is_cut_between_characters(desk: Desk) -> None:
    said = await shown(desk, ("€" * 5000 + "\n").encode())
    assert said == f"     1\t{'€' * 2000} [… 9,000 more bytes in this line]"


async def test_a_file_that_is_one_huge_line_is_read_in_bounded_pieces(desk: Desk) -> None:
    said = await shown(desk, b"z" * 12_000_000)
    assert said.splitlines()[0].endswith("[… 11,998,000 more bytes in this line]")
    assert max(size for size, _ in desk.workspace.reads) <= 1 << 20


async def test_a_big_file_is_read_up_to_the_lines_asked_for_and_no_further(desk: Desk) -> None:
    line = b"x" * 99 + b"\n"
    said = await shown(desk, line * 300_000, offset=150_000, limit=1)
    assert said.startswith("150000\tx")
    assert said.splitlines()[1] == "[lines 150000-150000 of a file of 28.6 MiB; go on with offset 150001]"
    assert max(offset for _, offset in desk.workspace.reads) < 17_000_000


async def test_line_ends_and_byte_order_marks_are_told_and_not_shown(desk: Desk) -> None:
    assert await shown(desk, b"\xef\xbb\xbfone\r\ntwo\r\n") == (
        "     1\tone\n     2\ttwo\n[CRLF line endings]\n[starts with a UTF-8 byte order mark]"
    )
    assert (await shown(desk, b"one\r\ntwo\n")).endswith("[mixed line endings, CRLF and LF]")
    assert await shown(desk, b"a\rb\n") == "     1\ta\rb"


async def test_bytes_that_are_no_utf8_are_replaced_and_said(desk: Desk) -> None:
    said = await shown(desk, b"caf\xe9\n")
    assert said == "     1\tcaf�\n[not all of it is UTF-8: what is not is shown as �]"
    assert await shown(desk, "a real � stays\n".encode()) == "     1\ta real � stays"


async def test_a_character_split_between_two_pieces_is_whole(desk: Desk) -> None:
    data = b"a" * ((1 << 20) - 1) + "é\nb\n".encode()
    said = await shown(desk, b"\n" + data[1:], offset=2)
    assert "UTF-8" not in said
    data = b"\n" * ((1 << 20) - 1) + "é\n".encode()
    assert await shown(desk, data, offset=1 << 20) == f"{1 << 20}\té"


async def test_other_line_separators_do_not_count_as_line_ends(desk: Desk) -> None:
    assert await shown(desk, "a\u2028b\x0cc\x85d\n".encode()) == "     1\ta\u2028b\x0cc\x85d"


async def test_a_nul_after_the_first_bytes_never_reaches_the_model(desk: Desk) -> None:
    said = await shown(desk, b"x\n" * 5000 + b"a\0b\n", offset=5001)
    assert said == "  5001\ta␀b"


async def test_a_directory_is_listed(desk: Desk) -> None:
    (desk.root / "src").mkdir()
    (desk.root / "a.py").touch()
    assert text(await desk.call(READ, path=".")) == "[`.` is a directory, 2 entries]\na.py\nsrc/"
    assert text(await desk.call(READ, path="src")) == "[`src` is an empty directory]"


async def test_a_huge_directory_is_listed_in_part(desk: Desk) -> None:
    for number in range(1005):
        (desk.root / f"{number:04}").touch()
    said = text(await desk.call(READ, path=".")).splitlines()
    assert said[0] == "[`.` is a directory, 1,005 entries]"
    assert said[-1] == "[… 5 more names]"
    assert len(said) == 1002


async def test_a_wrong_name_is_answered_with_close_ones(desk: Desk) -> None:
    (desk.root / "src").mkdir()
    (desk.root / "src/parser.py").touch()
    assert await refused(desk, path="src/parsr.py") == "there is no `src/parsr.py`\nclose: `src/parser.py`"
    assert await refused(desk, path="scr/parser.py") == "there is no `scr` (of `scr/parser.py`)\nclose: `src`"
    assert await refused(desk, path="nothing/like/it") == "there is no `nothing` (of `nothing/like/it`)"
    assert await refused(desk, path="src/parser.py/x") == "there is no `src/parser.py/x`"


async def test_a_path_that_is_right_from_the_shells_directory_is_pointed_out(desk: Desk) -> None:
    (desk.root / "src").mkdir()
    (desk.root / "src/parser.py").touch()
    desk.cwd = str(desk.root / "src")
    assert await refused(desk, path="parser.py") == (
        "there is no `parser.py`\npaths are relative to the project, not to the shell's directory: `src/parser.py`"
    )


@pytest.mark.parametrize("path", ["", "  ", "a\0b"])
async def test_a_string_that_can_be_no_path_is_refused(desk: Desk, path: str) -> None:
    assert "`path`" in await refused(desk, path=path)


async def test_names_that_look_like_options_or_patterns_are_names(desk: Desk) -> None:
    for name in ("-x", "--help", "*", "a b\nc", "[x]", "$HOME", "~"):
        (desk.root / name).write_text("content\n")
        assert text(await desk.call(READ, path=name)) == "     1\tcontent"


async def test_a_name_of_a_thousand_characters_is_answered(desk: Desk) -> None:
    with pytest.raises((ForkError, OSError)):
        await desk.call(READ, path="n" * 1000)


async def test_a_fifo_is_refused_without_being_opened(desk: Desk) -> None:
    os.mkfifo(desk.root / "pipe")
    assert "device, FIFO or socket" in await refused(desk, path="pipe")
    assert desk.workspace.reads == []


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x7fELF\x02\x01\x01\0\0", "an ELF program or library"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04\x14\0\0", "a ZIP archive (or a document made of one)"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"\xff\xfea\0b\0", "UTF-16 text"),
        (b"\0" * 257 + b"ustar", "a tar archive"),
        (b"\0\0\0\x20ftypheic", "MP4, HEIC or similar media"),
        (b"any\0thing", "a binary file"),
        (bytes(range(1, 32)) * 9, "a binary file"),
    ],
)
async def test_a_binary_is_refused_by_saying_what_it_is(desk: Desk, head: bytes, what: str) -> None:
    (desk.root / "x").write_bytes(head)
    said = await refused(desk, path="x")
    assert said.startswith(f"`x` is {what}, {len(head)} bytes, and is not shown as text\n")


@pytest.mark.parametrize("head", [b"MZ is how it begins\n", b"BM, too\n", b"ID3 is a tag\n", b"BZh\n", b"\xe9t\xe9\n"])
def test_text_that_begins_like_a_binary_is_text(head: bytes) -> None:
    assert binary_kind(head) is None


async def test_reading_only_reads(desk: Desk) -> None:
    assert READ.only_reads({"path": "x"})
    assert READ.only_reads({"nonsense": 1})
    desk.access = "read"
    assert await shown(desk, b"x\n") == "     1\tx"

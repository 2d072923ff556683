"""`edit`: exact replacement, faithful to every other byte, and refusals that show the way."""

import os
import time

import pytest
from tools_kit import Desk, complaint, text

from forkcli.errors import ForkError
from forkcli.tools.edit import edit_tool

EDIT = edit_tool()
CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"


async def edited(desk: Desk, data: bytes, old: str, new: str, **args: object) -> bytes:
    (desk.root / "x").write_bytes(data)
    await desk.call(EDIT, path="x", old_str=old, new_str=new, **args)
    return (desk.root / "x").read_bytes()


async def refused(desk: Desk, old: str, new: str = "new", *, path: str = "x", **args: object) -> str:
    with pytest.raises(ForkError) as caught:
        await desk.call(EDIT, path=path, old_str=old, new_str=new, **args)
    return complaint(caught.value)


async def not_found(desk: Desk, data: str, old: str, new: str = "new") -> list[str]:
    (desk.root / "x").write_bytes(data.encode())
    said = (await refused(desk, old, new)).splitlines()
    assert said[0] == "`old_str` was not found in `x`; nothing was changed"
    assert (desk.root / "x").read_bytes() == data.encode()
    return said[1:]


async def test_the_changed_lines_are_shown_with_their_numbers_and_a_diff_is_kept(desk: Desk) -> None:
    (desk.root / "x").write_text(CODE)
    outcome = await desk.call(EDIT, path="x", old_str="    return 2\n", new_str="    # why\n    return 3\n")
    assert text(outcome) == (
        "Edited `x`, 1 place:\n     4\t\n     5\tdef two():\n     6\t    # why\n     7\t    return 3"
    )
    assert outcome.facts.changed == ("x",)
    assert outcome.facts.diff == (
        "--- a/x\n+++ b/x\n@@ -3,4 +3,5 @@\n \n \n def two():\n-    return 2\n+    # why\n+    return 3\n"
    )


async def test_an_empty_new_str_deletes(desk: Desk) -> None:
    assert await edited(desk, CODE.encode(), "def one():\n    return 1\n\n\n", "") == b"def two():\n    return 2\n"


async def test_a_file_may_become_empty(desk: Desk) -> None:
    (desk.root / "x").write_text("all")
    assert text(await desk.call(EDIT, path="x", old_str="all", new_str="")).endswith("[the file is empty now]")


async def test_a_long_place_is_shown_by_its_ends(desk: Desk) -> None:
    (desk.root / "x").write_text("here\n")
    said = text(await desk.call(EDIT, path="x", old_str="here", new_str="\n".join(map(str, range(100))))).splitlines()
    assert said[1] == "     1\t0"
    assert said[7] == "     … 88 more lines"
    assert said[-1] == "   100\t99"


async def test_replace_all_replaces_all_and_shows_the_first_places(desk: Desk) -> None:
    (desk.root / "x").write_text("".join(f"name{'.' * 3}{number}\n" for number in range(50)))
    outcome = await desk.call(EDIT, path="x", old_str="name", new_str="title", replace_all=True)
    assert (desk.root / "x").read_text().count("title") == 50
    assert text(outcome).startswith("Edited `x`, 50 places:\n")
    assert text(outcome).endswith("\n…")


async def test_what_stands_there_twice_is_told_with_its_lines(desk: Desk) -> None:
    (desk.root / "x").write_text("a\nb\na\nb\na\n")
    assert await refused(desk, "a") == (
        "`old_str` occurs 3 times in `x`, on lines 1, 3, 5; nothing was changed\n"
        "add lines around the one you mean, or set `replace_all`"
    )
    (desk.root / "x").write_text("a\n" * 30)
    assert "on lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 10 more;" in (
        await refused(desk, "a")
    )


async def test_crlf_files_are_matched_and_keep_their_line_endings(desk: Desk) -> None:
    crlf = CODE.replace("\n", "\r\n").encode()
    assert await edited(desk, crlf, "one():\n    return 1\n", "one():\n    return 11\n    # more\n") == (
        CODE.replace("return 1\n", "return 11\n    # more\n").replace("\n", "\r\n").encode()
    )


async def test_a_part_of_a_line_becomes_lines_with_the_files_line_endings(desk: Desk) -> None:
    assert await edited(desk, b"a\r\nb\r\n", "b", "b\nc") == b"a\r\nb\r\nc\r\n"
    assert await edited(desk, b"a\nb\n", "b", "b\nc") == b"a\nb\nc\n"
    assert await edited(desk, b"a\r\nb", "b", "b\nc") == b"a\r\nb\r\nc"
    assert await edited(desk, b"a\r\nb\n", "b", "b\nc") == b"a\r\nb\nc\n"


async def test_in_a_file_of_mixed_line_endings_only_the_place_itself_changes(desk: Desk) -> None:
    mixed = b"a\nb\r\nc\r\nd\ne\r\n"
    assert await edited(desk, mixed, "b\nc\n", "B\nC\n") == b"a\nB\r\nC\r\nd\ne\r\n"
    assert await edited(desk, mixed, "d\n", "D\n") == b"a\nb\r\nc\r\nD\ne\r\n"


async def test_written_out_crlf_matches_a_file_without(desk: Desk) -> None:
    assert await edited(desk, b"a\nb\nc\n", "a\r\nb", "x\r\ny") == b"x\ny\nc\n"


async def test_line_endings_alone_are_not_changed_by_accident(desk: Desk) -> None:
    (desk.root / "x").write_bytes(b"a\nb\n")
    assert "differ in line endings alone" in await refused(desk, "a\r\nb", "a\nb")


async def test_line_endings_can_be_changed_where_they_are_named(desk: Desk) -> None:
    assert await edited(desk, b"a\r\nb\r\n", "\r\n", "\n", replace_all=True) == b"a\nb\n"


async def test_a_byte_order_mark_and_undecodable_bytes_stay(desk: Desk) -> None:
    assert await edited(desk, b"\xef\xbb\xbfa caf\xe9\nb\n", "b", "c") == b"\xef\xbb\xbfa caf\xe9\nc\n"
    assert await edited(desk, b"\xef\xbb\xbfa\n", "a\n", "b\n") == b"\xef\xbb\xbfb\n"


async def test_text_that_looks_like_a_pattern_is_only_text(desk: Desk) -> None:
    assert await edited(desk, rb"a.*(b|c)[d]\1 $x \g<0>", r".*(b|c)[d]\1", r"\g<0>\\") == rb"a\g<0>\\ $x \g<0>"


async def test_empty_and_equal_strings_are_refused(desk: Desk) -> None:
    (desk.root / "x").write_text("a")
    assert (await refused(desk, "")).startswith("`old_str` is empty")
    assert (await refused(desk, "a", "a")).startswith("`old_str` and `new_str` are the same")
    assert "lone surrogate" in await refused(desk, "\ud800")


async def test_other_spaces_are_shown_for_what_they_are(desk: Desk) -> None:
    said = await not_found(desk, "if x:\n\treturn 1\n", "if x:\n    return 1\n")
    assert said == [
        "Nearest, from line 1 (only spaces and tabs differ):",
        "     1\tif x:",
        "     2\t\treturn 1",
        'Line 2: "\\treturn 1"',
        '`old_str`: "    return 1"',
    ]


async def test_a_part_of_a_line_with_other_spaces_is_found(desk: Desk) -> None:
    said = await not_found(desk, "a\nvalue = f(x,  y) + 1\n", "f(x, y)")
    assert said[0] == "Nearest, from line 2 (only spaces and tabs differ):"


@pytest.mark.parametrize(
    ("there", "old", "words", "shown"),
    [
        ("say “hello”", 'say "hello"', "characters that look alike differ", "“(U+201C)"),
        ("a\u00a0b", "a b", "characters that look alike differ", "a\\u00a0b"),
        ("a\u200bb", "ab", "characters that look alike differ", "a\\u200bb"),
        ("1 – 2", "1 - 2", "characters that look alike differ", "–(U+2013)"),
        ("cafe\u0301s", "cafés", "characters that look alike differ", "\u0301(U+0301)s"),
        ('print("a\\n")', 'print(\\"a\\\\n\\")', "only backslashes differ", 'print("a\\n")'),
        ("Return Value", "return value", "only upper and lower case differ", "Return Value"),
    ],
)
async def test_characters_that_look_alike_are_told_apart(
    desk: Desk, there: str, old: str, words: str, shown: str
) -> None:
    said = await not_found(desk, f"x\n{there}\n", old)
    assert said[0] == f"Nearest, from line 2 ({words}):"
    assert shown in said[2]


async def test_cyrillic_letters_in_a_name_are_shown_by_the_nearest_line(desk: Desk) -> None:
    said = await not_found(desk, "x\ndef раyload():\n", "def payload():")
    assert said[0] == "Nearest, from line 2:"
    assert said[2].startswith("Line 2: ")
    assert "р(U+0440)а(U+0430)" in said[2]


async def test_the_nearest_lines_are_shown_when_the_text_is_another(desk: Desk) -> None:
    filler = "".join(f"filler {number}\n" for number in range(300))
    there = "def total(items):\n    result = sum(item.price for item in items)\n    return result\n"
    said = await not_found(desk, filler + there + filler, there.replace("item.price", "item.cost"))
    assert said == [
        "Nearest, from line 301:",
        "   301\tdef total(items):",
        "   302\t    result = sum(item.price for item in items)",
        "   303\t    return result",
        'Line 302: "    result = sum(item.price for item in items)"',
        '`old_str`: "    result = sum(item.cost for item in items)"',
    ]


async def test_line_numbers_copied_from_read_are_recognised(desk: Desk) -> None:
    said = await not_found(desk, CODE, "     1\tdef one():\n     2\t    return 1")
    assert said == ["`old_str` begins with line numbers as `read` shows them: they are not part of the file."]


async def test_an_edit_that_was_made_already_is_recognised(desk: Desk) -> None:
    said = await not_found(desk, "a\nvalue = compute(2)\n", "zzzz", "value = compute(2)")
    assert said[0] == "`new_str` is there already, on line 2."


async def test_where_the_longest_line_is_like_none_the_next_ones_are_looked_for(desk: Desk) -> None:
    said = await not_found(desk, "# a title\n\nquite another thing\n", "# A title:\n\nxxxxxxxxxxxxxxxxxxxxx")
    assert said[0] == "Nearest, from line 1:"
    assert await not_found(desk, "}\n", "}\nxxxxxxxxxxxxxxxxxxxxx") == ["No line of the file is like it."]


async def test_nothing_like_it_is_said_so(desk: Desk) -> None:
    assert await not_found(desk, "aaa\nbbb\n", "qqqqqqqqqqqqqqq") == ["No line of the file is like it."]
    assert await not_found(desk, "", "qqq") == ["No line of the file is like it."]


async def test_text_that_goes_on_beyond_the_files_end_is_said_so(desk: Desk) -> None:
    said = await not_found(desk, "a long enough line\n", "a long enough line\nand another")
    assert said[-1].startswith(("The file ends there", "`old_str`: "))


@pytest.mark.parametrize(
    "old",
    ["x" * 2_000_000, "x y\n" * 200_000, "\n" * 100_000 + "y", "ab" * 500_000 + "c", "\t \u00a0" * 300_000 + "q"],
    ids=["long line", "many lines", "empty lines", "repeating", "spaces"],
)
async def test_a_huge_old_str_is_answered_soon_and_shortly(desk: Desk, old: str) -> None:
    (desk.root / "x").write_text(("ab" * 60 + "\n") * 40_000 + "\n" * 10_000)
    began = time.process_time()
    said = await refused(desk, old)
    assert time.process_time() - began < 30  # for ever, where it takes time in the product of the lengths
    assert len(said) < 5000


async def test_a_wrong_name_is_answered_with_close_ones(desk: Desk) -> None:
    (desk.root / "config.toml").touch()
    assert await refused(desk, "a", path="confg.toml") == "there is no `confg.toml`\nclose: `config.toml`"


async def test_what_is_no_text_is_not_edited(desk: Desk) -> None:
    (desk.root / "src").mkdir()
    os.mkfifo(desk.root / "pipe")
    (desk.root / "bin").write_bytes(b"\x7fELF\0\0")
    with (desk.root / "big").open("wb") as file:
        file.truncate(11 << 20)
    assert await refused(desk, "a", path="src") == "`src` is a directory\n`read` lists it"
    assert "device, FIFO or socket" in await refused(desk, "a", path="pipe")
    assert "an ELF program or library" in await refused(desk, "a", path="bin")
    assert "more than `edit` takes (10.0 MiB)" in await refused(desk, "a", path="big")


async def test_with_access_read_nothing_is_edited(desk: Desk) -> None:
    (desk.root / "x").write_text("a")
    desk.access = "read"
    assert (await refused(desk, "a")).startswith("`edit` is refused: your access is `read`")
    assert (desk.root / "x").read_text() == "a"


def test_editing_never_only_reads() -> None:
    assert not EDIT.only_reads({})

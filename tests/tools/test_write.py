"""`write`: what it says, what it leaves to the screen, and what it refuses."""

import os

import pytest
from tools_kit import Desk, complaint, text

from forkcli.errors import ForkError
from forkcli.tools.write import write_tool

WRITE = write_tool()


async def refused(desk: Desk, **args: object) -> str:
    with pytest.raises(ForkError) as caught:
        await desk.call(WRITE, **args)
    return complaint(caught.value)


async def test_a_new_file_is_created_with_its_directories(desk: Desk) -> None:
    outcome = await desk.call(WRITE, path="a/b/c.py", content="x = 1\ny = 2\n")
    assert text(outcome) == "Created `a/b/c.py`: 2 lines, 12 bytes."
    assert (desk.root / "a/b/c.py").read_bytes() == b"x = 1\ny = 2\n"
    assert outcome.facts.changed == ("a/b/c.py",)
    assert outcome.facts.diff == "--- /dev/null\n+++ b/a/b/c.py\n@@ -0,0 +1,2 @@\n+x = 1\n+y = 2\n"


async def test_a_replaced_file_is_said_to_be_replaced_with_a_diff(desk: Desk) -> None:
    (desk.root / "x").write_text("one\ntwo\nthree\n")
    outcome = await desk.call(WRITE, path="x", content="one\n2\nthree")
    assert text(outcome) == "Replaced `x`: 3 lines, 11 bytes."
    assert outcome.facts.diff == (
        "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n"
    )


async def test_an_absolute_path_inside_the_project_is_told_as_a_relative_one(desk: Desk) -> None:
    outcome = await desk.call(WRITE, path=str(desk.root / "x"), content="a")
    assert text(outcome) == "Created `x`: 1 line, 1 byte."
    assert outcome.facts.changed == ("x",)


async def test_empty_content_makes_an_empty_file(desk: Desk) -> None:
    outcome = await desk.call(WRITE, path="x", content="")
    assert text(outcome) == "Created `x`: 0 lines, 0 bytes."
    assert (desk.root / "x").read_bytes() == b""


async def test_the_same_content_again_writes_nothing(desk: Desk) -> None:
    (desk.root / "x").write_text("same\n")
    before = (desk.root / "x").stat().st_ino, (desk.root / "x").stat().st_mtime_ns
    outcome = await desk.call(WRITE, path="x", content="same\n")
    assert text(outcome) == "`x` holds exactly this already; nothing was written."
    assert outcome.facts.changed == ()
    assert ((desk.root / "x").stat().st_ino, (desk.root / "x").stat().st_mtime_ns) == before


async def test_lost_crlf_line_endings_are_pointed_out(desk: Desk) -> None:
    (desk.root / "x").write_bytes(b"a\r\nb\r\n")
    assert text(await desk.call(WRITE, path="x", content="a\nb\n")).endswith("It had CRLF line endings before.")


async def test_every_character_is_written_as_it_is(desk: Desk) -> None:
    content = "\ufeffnul \0 esc \x1b[31m cr \r\n bidi \u202e 𝒳 'quotes' \\n\n"
    await desk.call(WRITE, path="x", content=content)
    assert (desk.root / "x").read_bytes() == content.encode()


async def test_half_a_character_is_refused_before_anything_is_written(desk: Desk) -> None:
    assert "a lone surrogate) at position 2" in await refused(desk, path="x", content="ab\ud800")
    assert not (desk.root / "x").exists()


async def test_a_directory_and_a_fifo_are_not_written(desk: Desk) -> None:
    (desk.root / "src").mkdir()
    os.mkfifo(desk.root / "pipe")
    assert await refused(desk, path="src", content="x") == "`src` is a directory"
    assert await refused(desk, path="new/", content="x") == "`new/` names a directory, not a file"
    assert "device, FIFO or socket" in await refused(desk, path="pipe", content="x")


async def test_with_access_read_nothing_is_written(desk: Desk) -> None:
    desk.access = "read"
    assert await refused(desk, path="x", content="y") == (
        "`write` is refused: your access is `read`\nSay in your last message what you would have changed"
    )
    assert list(desk.root.iterdir()) == []


@pytest.mark.parametrize("path", ["", "a\0b"])
async def test_a_string_that_can_be_no_path_is_refused(desk: Desk, path: str) -> None:
    assert "`path`" in await refused(desk, path=path, content="x")


async def test_what_the_workspace_refuses_is_refused(desk: Desk) -> None:
    assert "outside" in await refused(desk, path="../x", content="x")
    assert ".git" in await refused(desk, path=".git/config", content="x")


async def test_a_huge_file_is_replaced_without_a_diff(desk: Desk) -> None:
    (desk.root / "x").write_bytes(b"y\n" * 3_000_000)
    outcome = await desk.call(WRITE, path="x", content="small\n")
    assert outcome.facts.diff is None
    assert outcome.facts.changed == ("x",)


async def test_a_long_diff_ends_by_saying_so(desk: Desk) -> None:
    outcome = await desk.call(WRITE, path="x", content="line\n" * 5000)
    assert outcome.facts.diff is not None
    lines = outcome.facts.diff.splitlines()
    assert len(lines) == 2 + 401
    assert lines[-1] == "[… the diff goes on: +4601 -0]"


def test_writing_never_only_reads() -> None:
    assert not WRITE.only_reads({"path": "x", "content": ""})


async def test_a_path_is_never_relative_to_the_directory_of_the_shell_and_that_is_said(desk: Desk) -> None:
    desk.cwd = str(desk.root / "src")
    outcome = await desk.call(WRITE, path="a.txt", content="x")
    assert (desk.root / "a.txt").read_text() == "x"
    assert text(outcome).endswith("The path is relative to the project's root; the shell stands in `src`.")
    assert "shell" not in text(await desk.call(WRITE, path=str(desk.root / "b.txt"), content="x"))

"""Markdown as it streams: each block once, in order, whatever the pieces; nothing hidden, no markup, no escapes."""

from hypothesis import given
from hypothesis import strategies as st

from forkcli.ui.blocks import FENCE_PIECE, LONGEST_BLOCK, BlockSplitter, MarkdownBlock
from forkcli.ui.console import Paper
from forkcli.ui.markdown import markdown

LINES = st.sampled_from(
    [
        "text",
        "",
        "# title",
        "```py",
        "```",
        "~~~",
        "- item",
        "  more",
        "1. one",
        "| a | b |",
        "|---|---|",
        "> quote",
        "    code",
        "---",
    ]
)
INLINE = [
    "*",
    "_",
    "`",
    "[",
    "]( ",
    ")",
    "![",
    "<b>",
    "|",
    "&#27;",
    "&#x202e;",
    "\x1b[31m",
    "[red]",
    "語",
    "a",
    "~~",
    "\\",
]
MARKS = [*INLINE, "```", "|-|-", "#", "[x]:y"]
SHAPES = st.sampled_from([*MARKS, "\n", "\n\n", "- ", "> ", "1. ", " ", "\t"])


def split(text: str, size: int) -> list[MarkdownBlock]:
    splitter, out = BlockSplitter(), []
    for start in range(0, len(text), size):
        out += splitter.feed(text[start : start + size])
    return out + splitter.end()


def shown(text: str, width: int = 80) -> str:
    paper = Paper()
    return "\n".join("".join(part.text for part in line) for line in paper.lines(markdown(text), width))


@given(st.lists(LINES, max_size=30), st.integers(1, 12))
def test_how_the_text_is_cut_into_pieces_does_not_matter(lines: list[str], size: int) -> None:
    text = "\n".join(lines)
    assert split(text, size) == split(text, max(1, len(text)))


@given(st.lists(LINES, max_size=30))
def test_no_line_is_lost_and_none_is_given_twice(lines: list[str]) -> None:
    given_out = "\n".join(block.text for block in split("\n".join(lines), 5)).split("\n")
    assert [line.rstrip() for line in given_out if line.strip()] == [line.rstrip() for line in lines if line.strip()]


def test_a_paragraph_is_finished_when_the_next_one_begins() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("one\n\n") == []
    assert splitter.feed("t") == [MarkdownBlock("one")]
    assert splitter.rest.text == "t"


def test_blank_lines_in_an_open_fence_finish_nothing() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("```py\na = 1\n\nb = 2\n") == []
    assert splitter.feed("```\n") == [MarkdownBlock("```py\na = 1\n\nb = 2\n```")]


def test_a_list_item_keeps_its_indented_paragraphs() -> None:
    assert split("- a\n\n  more\n\nafter", 3) == [MarkdownBlock("- a\n\n  more"), MarkdownBlock("after")]


def test_a_long_fence_is_given_out_in_pieces_that_each_are_code() -> None:
    text = "```py\n" + "".join(f"x{n} = {n}\n" for n in range(100)) + "```\n"
    blocks = split(text, 50)
    assert len(blocks) == 3
    assert [block.joins for block in blocks] == [False, True, True]
    assert all(block.text.startswith("```py\n") and block.text.endswith("```") for block in blocks)
    code = [line for block in blocks for line in block.text.split("\n") if line.startswith("x")]
    assert code == [f"x{n} = {n}" for n in range(100)]
    assert max(block.text.count("\n") for block in blocks) <= FENCE_PIECE + 2


def test_a_text_without_any_line_end_does_not_grow_without_bound() -> None:
    splitter, given_out = BlockSplitter(), 0
    for _ in range(100):
        given_out += sum(len(block.text) for block in splitter.feed("x" * 1000))
        assert len(splitter.rest.text) <= LONGEST_BLOCK
    assert given_out + len(splitter.rest.text) == 100_000


def test_dropping_forgets_the_unfinished_block() -> None:
    splitter = BlockSplitter()
    splitter.feed("```py\nhalf")
    splitter.drop()
    assert splitter.end() == []
    assert split("text", 9) == [MarkdownBlock("text")]


def test_entities_html_definitions_and_addresses_are_shown() -> None:
    text = shown(
        "&#27;[31m &lt; <script>x</script> [a](http://evil.example/x) ![p](http://img.example)\n\n[ref]: http://hidden.example"
    )
    for word in (
        "&#27;[31m",
        "&lt;",
        "<script>x</script>",
        "a (http://evil.example/x)",
        "http://img.example",
        "[ref]: http://hidden.example",
    ):
        assert word in text


def test_markup_of_the_renderer_means_nothing() -> None:
    assert shown("[bold red]x[/] [link=http://e]y[/link] :smile:") == "[bold red]x[/] [link=http://e]y[/link] :smile:"


def test_code_has_no_frame_and_keeps_its_indent() -> None:
    assert shown("```py\ndef f():\n    return 1\n```") == "  def f():\n      return 1"


def test_an_unknown_language_is_text() -> None:
    assert shown("```nolang\nx\n```") == "  x"


@given(st.lists(SHAPES, max_size=40).map("".join), st.sampled_from([1, 7, 24, 40, 100]))
def test_no_markdown_breaks_the_renderer_or_reaches_the_terminal_raw(text: str, width: int) -> None:
    paper = Paper()
    out = paper.ansi(paper.lines(markdown(text), width))
    assert "\u202e" not in out
    assert not any(part.startswith("\x1b[31m[") for part in out.split("\n"))
    assert all(char in "\n\x1b" or char >= " " for char in out)
    assert out.count("\x1b") == out.count("\x1b[")

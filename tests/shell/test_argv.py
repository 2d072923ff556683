"""Prompts are told from subcommands before options are parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.argv import Line, split

VERBS = ("ls", "tree")
VALUED = ("-m", "--model", "-C")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], Line(())),
        (["fix it"], Line((), ("fix it",))),
        (["-p", "fix it", "-m", "opus"], Line(("-p", "-m", "opus"), ("fix it",))),
        (["fix it", "--model=opus", "-p"], Line(("--model=opus", "-p"), ("fix it",))),
        (["-pm", "opus", "x"], Line(("-pm", "opus"), ("x",))),
        (["-mopus", "x"], Line(("-mopus",), ("x",))),
        (["-m", "ls", "x"], Line(("-m", "ls"), ("x",))),
        (["ls"], Line(("ls",), verb="ls")),
        (["-C", "d", "ls", "--json"], Line(("-C", "d", "ls", "--json"), verb="ls")),
        (["tree", "of", "files"], Line(("tree", "of", "files"), verb="tree")),
        (["--", "ls"], Line((), ("ls",))),
        (["-p", "--", "-x", "--"], Line(("-p",), ("-x", "--"))),
        (["explain", "ls"], Line((), ("explain", "ls"))),
        (["-"], Line((), ("-",))),
        (["-m"], Line(("-m",))),
        ([""], Line((), ("",))),
    ],
)
def test_a_command_line_comes_apart(argv: list[str], line: Line) -> None:
    assert split(argv, VERBS, VALUED) == line


@given(st.lists(st.sampled_from(["ls", "x", "-m", "-p", "--", "--model=y", "-", "-pm", ""]), max_size=8))
def test_no_word_is_dropped_or_invented(argv: list[str]) -> None:
    line = split(argv, VERBS, VALUED)
    got = sorted([*line.args, *line.words])
    assert got == sorted(argv) or sorted([*got, "--"]) == sorted(argv)

"""What the verbs print for people: sanitized, whole in a pipe, and within the columns of a terminal."""

import unicodedata
from dataclasses import replace

import pytest

from forkcli.core.entries import AgentKind, Usage
from forkcli.core.ids import AgentId, Seq, SessionId
from forkcli.core.views import (
    AgentRow,
    AgentView,
    CheckView,
    FilesView,
    FindingView,
    HealthRow,
    HealthView,
    SessionRow,
    TreeView,
)
from forkcli.ui import tables

ID = SessionId("20261122-0925-k3f")
HOSTILE = "\x1b]0;owned\x07 \u202e evil\nsecond line"
WIDE = "修复登录错误" * 20


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def session(title: str) -> SessionRow:
    return SessionRow(ID, title, "2026-11-22T09:25:00Z", "2026-11-22T10:25:00Z", "done", 1, 0.42)


def agent(name: str, parent: str | None = None, task: str = "fix it") -> AgentRow:
    files = FilesView(changed=("src/a.py",))
    above = AgentId(parent) if parent else None
    return AgentRow(AgentId(name), "fork", above, Seq(4), "done", task, 12, Usage(1000, 300, 50_000), 0.42, 0.99, files)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("title", [HOSTILE, WIDE, "x" * 500, ""])
def test_no_line_is_wider_than_the_terminal(width: int, title: str) -> None:
    shown = tables.sessions([session(title)], width) + tables.tree(TreeView(ID, (agent("main", task=title),)), width)
    health = HealthView(True, (HealthRow("model", "note", "a word " * 60, "another word " * 30),))
    shown += tables.health(health, width)
    assert [line for line in shown.splitlines() if columns(line) > width] == []
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_card_and_a_paragraph_fold_at_words_and_lose_none(width: int) -> None:
    words = [f"word{number}" for number in range(80)]
    view = AgentView(
        ID, agent("main"), "claude-opus-5-5", "high", "write", False, 3300, "/p/.fork", *[" ".join(words)] * 2
    )
    for shown, times in ((tables.agent(view, width), 2), (tables.paragraph(" ".join(words), width), 1)):
        assert [line for line in shown.splitlines() if columns(line) > width] == []
        assert shown.split().count("word42") == times
        assert "word79\n" in shown


def test_a_pipe_gets_everything_in_one_line_each() -> None:
    shown = tables.sessions([session("x" * 150), session(HOSTILE)], None)
    assert "x" * 150 in shown
    assert len(shown.splitlines()) == 3
    assert "$0.42" in shown


def test_children_stand_below_their_parent_and_set_off() -> None:
    view = TreeView(ID, (agent("main"), agent("f1", "main"), agent("f2", "f1"), agent("s9", "f404")))
    names = [line for line in tables.tree(view, 100).splitlines() if "steps" in line]
    assert [line.index(line.strip()[0]) for line in names] == [0, 2, 4, 0]


def test_a_check_says_whether_it_is_whole() -> None:
    assert "whole" in tables.check(CheckView(ID, True, 2, ()))
    damage = FindingView(AgentId("main"), "error", f"line 4: {HOSTILE}")
    shown = tables.check(CheckView(ID, False, 1, (damage,)))
    assert shown.splitlines()[-1].endswith("damaged")
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (50 << 20, "50 MiB"), (3 << 50, "3072.0 TiB")],
)
def test_sizes_are_for_people(number: int, shown: str) -> None:
    assert tables.size(number) == shown


def test_a_stretch_that_was_left_behind_is_called_so() -> None:
    left = replace(agent("f1", "main"), kind="abandoned", at=9)
    shown = tables.tree(TreeView(ID, (agent("main"), left, agent("f2", "main"))), None).splitlines()
    assert [line.split()[:4] for line in shown if " done  " in line][1:] == [
        ["f1", "abandoned", "at", "9"],
        ["f2", "done", "12", "steps"],
    ]


def test_what_was_spent_is_said_in_the_words_of_a_turns_end_and_where_no_price_is_known_without_one() -> None:
    unpriced = replace(agent("f1", "main"), cost_usd=None)
    (line,) = [line for line in tables.tree(TreeView(ID, (unpriced,)), None).splitlines() if "steps" in line]
    assert line == "f1  done  12 steps  51k in, 98% cached, 300 out  99% cached at first"
    assert "  $0.42  " in tables.tree(TreeView(ID, (agent("f1", "main"),)), None)


def test_of_an_agent_that_has_done_nothing_no_figures_are_given() -> None:
    fresh = replace(agent("f1", "main"), steps=0, usage=Usage(), cost_usd=0.0, first_cache_share=None)
    assert tables.tree(TreeView(ID, (fresh,)), None).splitlines()[1] == "f1  done  0 steps"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("main", "agent    f1\n"),
        ("fork", "agent    f1, a fork of main at entry 4\n"),
        ("spawn", "agent    f1, spawned by main\n"),
        ("abandoned", "agent    f1, what main was before it went back\n"),
    ],
)
def test_an_agent_is_introduced_by_what_it_is_to_the_one_above_it(kind: AgentKind, said: str) -> None:
    row = replace(agent("f1", "main"), kind=kind)
    assert said in tables.agent(AgentView(ID, row, "opus", None, "write", False, 100, "/x", "", ""), None)

"""The live board of `/agents`: what is seen of each agent at any width, and what keys do."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewind_kit import VIEW
from ui_fakes import MAIN, Ask, FakeDriver, slash, works
from ui_terminal import session

from forkcli.core import events as ev
from forkcli.core.ids import AgentId
from forkcli.errors import ForkError
from forkcli.ui.board import Seen, board_lines
from forkcli.ui.boardpanel import BoardPanel
from forkcli.ui.console import Paper
from forkcli.ui.fleetview import Board, BoardRow, BoardView
from forkcli.ui.look import ASCII, Look
from forkcli.ui.ports import Diff, Lines, Shown, Slash


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def board(view: BoardView = VIEW, width: int = 100, height: int = 30, chosen: str = "main", **doing: str) -> list[str]:
    lines = board_lines(view, lambda agent: doing.get(agent, ""), Seen(chosen, "*"), (height, width), Look())
    return ["".join(part.text for part in row) for line in lines for row in Paper().lines(line, width)]


def test_each_agent_has_a_line_below_its_parent_with_state_steps_cost_cache_and_context() -> None:
    lines = board(f1="bash npm test · 12 s")
    assert lines[0] == "Agents · 5 agents · 2 at work · $1.73"
    assert lines[2].split() == ["›", "main", "(here)", "*", "running", "12", "$0.42", "41%", "fork", "into", "3"]
    assert lines[3].split()[:7] == ["f1", "*", "running", "4/20", "$0.031", "99%", "22%"]
    assert lines[3].endswith("bash npm test · 12 s")
    assert lines[5].startswith("      f4  ")
    assert "✗ failed" in lines[5]
    assert "mend the cart, its price" in lines[7]
    assert "enter goes there · s stops · d diff · q leaves" in lines[8]


@pytest.mark.parametrize(
    ("width", "there", "left_out"),
    [(100, "context", ""), (60, "cost", "cached"), (44, "state", "steps"), (24, "agent", "state")],
)
def test_columns_are_left_out_where_there_is_no_room_but_never_what_it_does(
    width: int, there: str, left_out: str
) -> None:
    lines = board(width=width)
    assert there in lines[1]
    assert not left_out or left_out not in lines[1]
    assert max(map(len, lines)) <= width
    assert "loo" in lines[3]


def test_where_no_price_is_known_there_is_no_column_for_it() -> None:
    priced = BoardView((BoardRow("main", "idle", "go", steps=1), BoardRow("f1", "idle", "go", steps=1, cost_usd=0.1)))
    assert [line.split().count("-") for line in board(priced)[2:4]] == [1, 0]
    unpriced = BoardView((BoardRow("main", "idle", "go", steps=1),))
    assert "cost" not in board(unpriced)[1]


def test_many_agents_scroll_around_the_chosen_one() -> None:
    view = BoardView(tuple(BoardRow(f"f{n}", "running", f"task {n}") for n in range(1, 129)))
    lines = board(view, height=12, chosen="f90")
    assert len(lines) <= 12
    assert any(line.startswith("› f90") for line in lines)
    assert any("90 of 128" in line for line in lines)


def test_a_low_share_from_the_cache_and_a_failure_have_words_not_only_colours() -> None:
    look = Look("none", **ASCII)
    lines = board_lines(VIEW, lambda _: "", Seen("main", "|"), (30, 100), look)
    assert any("x failed" in line.plain for line in lines)
    assert all(line.plain.isascii() for line in lines)


@given(st.text(max_size=40), st.integers(12, 120), st.integers(3, 40))
def test_any_words_at_any_size_stay_on_the_screen_and_never_reach_it_raw(text: str, width: int, height: int) -> None:
    evil = f"{text}\x1b[2J\u202e\n[bold]語"
    view = BoardView(tuple(BoardRow(f"{evil}{n}", evil, evil, last=evil) for n in range(9)))
    lines = board(view, width, height, chosen=f"{evil}3")
    assert not {"\x1b", "\u202e"} & set("".join(lines))
    assert len(lines) <= max(height, 4)


def panel(clock: Clock, views: list[BoardView]) -> BoardPanel:
    return BoardPanel(Board(lambda: views[0]), lambda _: "", Look(), clock)


def test_where_nothing_can_be_drawn_again_it_is_a_table_without_keys() -> None:
    text = "\n".join(line.plain for line in panel(Clock(), [VIEW]).listing())
    assert "f4" in text
    assert "›" not in text
    assert "goes there" not in text


def test_it_looks_again_while_it_is_open_and_the_sign_stays_at_its_agent() -> None:
    clock, views = Clock(), [VIEW]
    here = panel(clock, views)
    here.key("down")
    assert here.chosen == "f1"
    views[0] = BoardView((VIEW.rows[0], BoardRow("f0", "running"), replace(VIEW.rows[1], state="done")))
    assert "f0" not in "\n".join(line.plain for line in here.lines(20, 80))
    clock.now += 1
    text = "\n".join(line.plain for line in here.lines(20, 80))
    assert "f0" in text
    assert any(line.startswith("›   f1") for line in text.splitlines())


@pytest.mark.parametrize(("key", "deed"), [("c-m", "go"), ("s", "stop"), ("d", "diff"), ("q", None), ("escape", None)])
def test_keys_act_on_the_chosen_agent_or_leave(key: str, deed: str | None) -> None:
    here = panel(Clock(), [VIEW])
    for name in ("j", "j", "k", "<ignore>", "x"):
        here.key(name)
    assert not here.done
    here.key(key)
    assert (here.done, here.deed, here.chosen) == (True, deed, "f1")


def commands(told: list[str]) -> list[Slash]:
    def slash_of(name: str, shown: Shown | ForkError) -> Slash:
        async def run(rest: str) -> Shown | None:
            told.append(f"{name} {rest}")
            if isinstance(shown, ForkError):
                raise shown
            return shown

        return Slash(name, "", "", run)

    found = [("stop", Lines("f1 is stopped.")), ("go", Lines("moved")), ("diff", ForkError("f1 has not ended yet"))]
    return [slash("agents", Board(lambda: VIEW)), *(slash_of(name, shown) for name, shown in found)]


async def test_the_board_lives_while_a_turn_runs_and_its_keys_run_commands() -> None:
    told: list[str] = []
    driver = FakeDriver(works, commands(told))
    async with session(driver, columns=100, rows=40) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("/agents\r")
        await here.see("Agents · 5 agents", "› main (here)")
        driver.emit(ev.StepStarted(AgentId("f1"), 1))
        await here.see("waiting for the model · ")
        here.type("\x1b[Bs")
        await here.see("f1 is stopped.", "›   f1")
        here.type("d")
        await here.see("f1 has not ended yet")
        here.type("\r")
        await here.see("moved")
        await here.unsee("Agents · 5 agents")
        assert told == ["stop f1", "diff f1", "go f1"]


async def test_a_question_is_asked_over_the_board_and_the_board_comes_back() -> None:
    driver = FakeDriver(works, commands([]))
    async with session(driver, columns=100, rows=40) as here:
        here.type("/agents\r")
        await here.see("Agents · 5 agents")
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("Allow it?")
        await asyncio.sleep(0.4)
        here.type("n")
        assert await asked == "no"
        await here.see("Agents · 5 agents")
        here.type("q")
        await here.unsee("Agents · 5 agents")


async def test_what_a_fork_changed_is_seen_in_the_pager_and_the_board_is_there_again() -> None:
    driver = FakeDriver(works, [slash("agents", Board(lambda: VIEW)), _diff()])
    async with session(driver, columns=100, rows=40) as here:
        here.type("/agents\r")
        await here.see("Agents · 5 agents")
        here.type("\x1b[Bd")
        await here.see("+new line", "what f1 changed")
        here.type("q")
        await here.see("Agents · 5 agents", "›   f1")


def _diff() -> Slash:
    async def run(rest: str) -> Shown | None:
        return Diff(f"--- a/{rest}\n+++ b/{rest}\n@@ -1 +1 @@\n-old line\n+new line\n")

    return Slash("diff", "", "", run)

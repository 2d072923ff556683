"""Rewinding in the REPL: from Esc Esc to the prompt that is back in the input line."""

import asyncio

from rewind_kit import BARE, PLAN, FakeRewinder, rewindables
from ui_fakes import MAIN, Ask, FakeDriver, replies, works
from ui_terminal import session

from forkcli.core import events as ev
from forkcli.core.ids import AgentId, Seq
from forkcli.errors import ForkError
from forkcli.ui.ports import Lines, Shown, Slash
from forkcli.ui.rewindable import Rewindables, RewindOrder


def driver(rewinder: FakeRewinder, to: int | None = None, found: Shown | None = None) -> FakeDriver:
    async def run(rest: str) -> Shown | None:
        return found or rewindables(rewinder, to)

    return FakeDriver(replies, [Slash("rewind", "[N]", "go back", run)])


async def test_esc_twice_on_an_empty_line_opens_the_list_and_esc_leaves_it() -> None:
    rewinder = FakeRewinder()
    async with session(driver(rewinder)) as here:
        here.type("\x1b")
        await here.see("esc again: go back")
        here.type("\x1b")
        await here.see("Go back to", "find the bug in the cart", "4 files", "› 28")
        here.type("\x1b")
        await here.unsee("Go back to")
        assert not [deed for deed in rewinder.asked if isinstance(deed, RewindOrder)]


async def test_esc_twice_empties_a_line_that_is_not_empty_first() -> None:
    async with session(driver(FakeRewinder())) as here:
        here.type("a draft")
        await here.see("› a draft")
        here.type("\x1b")
        await here.see("esc again empties the line")
        here.type("\x1b")
        await here.unsee("a draft")
        assert "Go back to" not in here.text
        here.type("\x1b")
        await here.see("esc again: go back")
        here.type("\x1b")
        await here.see("Go back to")


async def test_a_rewind_shows_where_one_is_and_gives_the_prompt_back() -> None:
    rewinder = FakeRewinder(PLAN)
    async with session(driver(rewinder), rows=40) as here:
        here.type("/rewind\r")
        await here.see("Go back to")
        here.type("price too\r")
        await here.see("Back to before “now the price too”", "you changed it")
        here.type("\r")
        await here.see("keep yours")
        here.type("\x1b[B\r")
        await here.see("adopt them")
        here.type("\x1b[B\r")
        await here.see("The quantity it was.", "↶ Back before", "undo: /rewind 57", "› now the price too")
        assert rewinder.asked[-1] == RewindOrder(Seq(16), "both", "replace", "stop")


async def test_leaving_the_plan_returns_to_the_list() -> None:
    async with session(driver(FakeRewinder(BARE)), rows=40) as here:
        here.type("/rewind\r")
        await here.see("Go back to")
        here.type("\r")
        await here.see("Back to before “find the bug”")
        here.type("\x1b")
        await here.see("Go back to", "› 28")
        here.type("\r")
        await here.see("Back to before “find the bug”")
        here.type("\x03")
        await here.unsee("Back to")
        assert "Go back to" not in here.text


async def test_a_number_skips_the_list() -> None:
    rewinder = FakeRewinder(BARE)
    async with session(driver(rewinder, 57), rows=40) as here:
        here.type("/rewind 57\r")
        await here.see("Back to before “find the bug”")
        assert "Go back to" not in here.text
        here.type("\r")
        await here.see("↶ Back before")
        assert rewinder.asked == [("plan", 57), RewindOrder(Seq(57), "conversation")]


async def test_nothing_to_go_back_to_is_said() -> None:
    async with session(driver(FakeRewinder(), found=Rewindables(FakeRewinder()))) as here:
        here.type("/rewind\r")
        await here.see("✗ there is nothing to go back to yet")


async def test_files_that_cannot_be_known_do_not_end_the_list() -> None:
    async with session(driver(FakeRewinder(refuse=ForkError("git is missing")))) as here:
        here.type("\x1b")
        await here.see("esc again")
        here.type("\x1b")
        await here.see("Go back to")
        here.type("\x1b[A")
        await here.see("what changed since is not known")


async def test_it_opens_while_forks_work_but_not_while_the_agent_does() -> None:
    here_driver = driver(FakeRewinder())
    async with session(here_driver) as here:
        here_driver.emit(ev.StepStarted(AgentId("f1"), 1))
        here.type("\x1b")
        await here.see("esc again")
        here.type("\x1b")
        await here.see("Go back to")
    busy = driver(FakeRewinder())
    busy.script = works
    async with session(busy) as here:
        here.type("go\r")
        await here.see("I begin.")
        here.type("\x1b")
        await here.see("stopped by you")


async def test_a_question_comes_before_the_list_and_the_list_after_it() -> None:
    async with session(driver(FakeRewinder()), rows=40) as here:
        here.type("/rewind\r")
        await here.see("Go back to")
        here.type("price")
        await here.see("· price")
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("Allow it?")
        assert "Go back to" not in here.text
        await asyncio.sleep(0.4)
        here.type("y")
        assert await asked == "once"
        await here.see("Go back to · price")


async def test_esc_in_a_question_says_no_and_stops() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("go\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("esc no, and stop")
        await asyncio.sleep(0.4)
        here.type("\x1b")
        assert await asked == "no"
        await here.see("■ stopped by you")


async def test_esc_in_a_question_of_a_fork_stops_that_fork_alone() -> None:
    told = []

    async def stop(rest: str) -> Shown | None:
        told.append(rest)
        return Lines(f"{rest} is stopped.")

    async with session(FakeDriver(works, [Slash("stop", "[AGENT]", "stop", stop)])) as here:
        here.type("go\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.answer(Ask(AgentId("f2"), "net", "curl x")))
        await here.see("esc no, and stop f2")
        await asyncio.sleep(0.4)
        here.type("\x1b")
        assert await asked == "no"
        await here.see("f2 is stopped.")
        assert told == ["f2"]
        assert ("stop", "") not in here.driver.did

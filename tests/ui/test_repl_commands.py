"""Slash commands, shell commands and completion in the REPL, and what becomes of their results."""

import asyncio

from ui_fakes import FakeDriver, appended, replies, slash
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.errors import ForkError
from forkcli.ui.ports import Choice, Lines, Pager, Quit, Refill, Slash


async def test_ctrl_j_and_a_backslash_make_new_lines() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("a\nb\\\rc\r")
        await here.did(("turn", "a\nb\nc"))


async def test_esc_twice_opens_rewind_where_there_is_one() -> None:
    async with session(FakeDriver(replies, [slash("rewind", Lines("the checkpoints"))])) as here:
        here.type("\x1b")
        await asyncio.sleep(0.25)
        here.type("\x1b")
        await here.see("the checkpoints")


async def test_esc_twice_empties_the_line_where_there_is_no_rewind() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("words")
        await here.see("› words")
        here.type("\x1b")
        await asyncio.sleep(0.25)
        assert "› words" in here.text
        here.type("\x1b")
        await here.unsee("words")


async def test_slash_commands_are_offered_and_run() -> None:
    driver = FakeDriver(replies, [slash("model", None, "[NAME]"), slash("history", Lines("nothing yet"))])
    async with session(driver) as here:
        here.type("/")
        await here.see("/model [NAME]", "the summary of model", "/history")
        here.type("his\t\r")
        await here.see("› /history", "nothing yet")
        here.type("/model opus\r")
        await here.see("model got opus")


async def test_an_unknown_slash_command_says_so_and_leaves_the_line_empty_for_the_next() -> None:
    async with session(FakeDriver(replies, [slash("model", Lines("the models"))])) as here:
        here.type("/mdoel x\r")
        await here.see("› /mdoel x", "✗ there is no /mdoel", "is it /model?")
        here.type("/model\r")
        await here.see("the models")
        assert here.driver.did == []


async def test_an_unknown_slash_command_is_a_key_away() -> None:
    async with session(FakeDriver(replies, [slash("model", None)])) as here:
        here.type("/mdoel some words\r")
        await here.see("✗ there is no /mdoel")
        here.type("\x1b[A")
        await here.until(lambda: here.text.count("› /mdoel some words") == 2, "the line again")


async def test_an_error_of_a_slash_command_is_shown() -> None:
    async def run(rest: str) -> None:
        raise ForkError(f"no session {rest}", "fork ls lists them")

    async with session(FakeDriver(replies, [Slash("resume", "ID", "", run)])) as here:
        here.type("/resume x\r")
        await here.see("✗ no session x", "fork ls lists them")


async def test_a_choice_is_picked_with_arrows_and_enter() -> None:
    choice = Choice("Models", (("a", "Alpha", "the first"), ("b", "Beta", "the second")), "a")
    async with session(FakeDriver(replies, [slash("model", choice)])) as here:
        here.type("/model\r")
        await here.see("Models", "› Alpha ✓ the first")
        here.type("\x1b[B")
        await here.see("› Beta")
        here.type("\r")
        await here.see("model got b")


async def test_a_choice_is_left_with_esc() -> None:
    choice = Choice("Models", (("a", "Alpha", ""),))
    async with session(FakeDriver(replies, [slash("model", choice)])) as here:
        here.type("/model\r")
        await here.see("Models")
        here.type("\x1b")
        await here.unsee("Models")
        assert "model got" not in here.text


async def test_the_pager_opens_searches_and_leaves() -> None:
    pager = Pager("the past", "\n".join(f"row {n} \x1b[31m" for n in range(300)))
    async with session(FakeDriver(replies, [slash("history", pager)])) as here:
        here.type("/history\r")
        await here.see("q leaves", "· the past", "row 3 ␛[31m")
        here.type("/row 250\r")
        await here.see("row 250")
        here.type("q")
        await here.see("claude-opus-5")
        here.type("still here\r")
        await here.see("You said still here.")


async def test_quit_and_refill_do_what_they_say() -> None:
    driver = FakeDriver(replies, [slash("rewind", Refill("the old prompt", "back at 3")), slash("quit", Quit())])
    async with session(driver) as here:
        here.type("/rewind\r")
        await here.see("back at 3", "› the old prompt")
        here.type("\x03")
        await asyncio.sleep(0.1)
        here.type("/quit\r")
        assert await here.end() == 0


async def test_a_bang_runs_a_shell_command() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("!ls -l\r")
        await here.see("✓ ! ls -l", "│ out")
        assert ("shell", "ls -l") in here.driver.did


async def test_paths_complete_behind_an_at() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("read @price")
        await here.see("src/price.py")
        here.type("\t\r")
        await here.did(("turn", "read @src/price.py "))


async def test_what_the_agent_is_told_of_a_bang_command_is_not_shown_twice() -> None:
    async def tell(driver: FakeDriver, _text: str) -> None:
        driver.emit(appended(e.Notice(f"{e.RAN}ls` in /p (exit code 0):\nout")))
        driver.emit(appended(e.Notice("something else\nwith more")))

    async with session(FakeDriver(tell)) as here:
        here.type("go\r")
        await here.see("· told the agent: something else…")
        assert "The user ran" not in here.text

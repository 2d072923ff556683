"""Questions in the REPL: asked one by one, answered only by a key that was meant for them."""

import asyncio

from ui_fakes import MAIN, Ask, FakeDriver, replies, works
from ui_terminal import session


async def test_a_question_is_answered_by_one_key_after_a_moment() -> None:
    async with session(FakeDriver(replies)) as here:
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x", "why not")))
        await here.see("wants to run a command with network access", "curl x", "its reason: why not", "Allow it?")
        await asyncio.sleep(0.4)
        here.type("y")
        assert await asked == "once"
        await here.unsee("Allow it?")


async def test_type_ahead_never_answers_a_question_and_stays_a_draft() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        here.type("yay")
        await here.see("› yay", "Allow it?")
        assert not asked.done()
        await asyncio.sleep(0.4)
        here.type("n")
        assert await asked == "no"
        assert "› yay" in here.text


async def test_what_follows_an_answer_at_once_is_not_sent() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("Allow it?")
        await asyncio.sleep(0.4)
        here.type("yes\r")
        assert await asked == "once"
        await asyncio.sleep(0.1)
        assert not any(deed == "steer" for deed, _ in here.driver.did)


async def test_two_questions_are_asked_one_after_the_other() -> None:
    async with session(FakeDriver(replies)) as here:
        first = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl one")))
        second = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl two")))
        await here.see("curl one")
        await asyncio.sleep(0.4)
        assert "curl two" not in here.text
        here.type("a")
        assert await first == "always"
        await here.see("curl two")
        here.type("y")
        await asyncio.sleep(0.6)
        assert not second.done()
        here.type("\x1b")
        assert await second == "no"


async def test_a_question_goes_away_when_the_turn_is_stopped() -> None:
    async with session(FakeDriver(replies)) as here:
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("Allow it?")
        asked.cancel()
        await here.unsee("Allow it?")

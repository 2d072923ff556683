"""The REPL under a user's hands: what keys do, and that no typed text is lost."""

import asyncio
from pathlib import Path

from ui_fakes import MAIN, FakeDriver, replies, works
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.errors import ForkError, Kind


async def test_enter_sends_and_the_answer_stays_in_the_scrollback() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("hello\r")
        await here.see("› hello", "You said hello.", "1 step")
        assert ("turn", "hello") in here.driver.did


async def test_the_first_prompt_is_sent_at_once() -> None:
    async with session(FakeDriver(replies), first="go") as here:
        await here.see("You said go.")


async def test_enter_steers_while_the_agent_runs_until_the_message_is_delivered() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("rather the other one\r")
        await here.see("↳ rather the other one · told at the next step")
        assert ("steer", "rather the other one") in here.driver.did
        here.driver.emit(ev.Appended(MAIN, e.Entry(5, "", e.Message("user", "rather the other one"))))
        await here.unsee("told at the next step")
        await here.see("↳ rather the other one")


async def test_esc_stops_the_step_and_keeps_the_draft() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("esc stops")
        here.type("a draft")
        here.type("\x1b")
        await here.see("■ stopped by you", "› a draft")
        assert ("stop", "") in here.driver.did


async def test_alt_enter_queues_for_after_the_turn_and_up_takes_it_back() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("first\x1b\r")
        await here.see("first · queued")
        here.type("second\x1b\r")
        await here.see("second · queued")
        here.type("\x1b[A")
        await here.see("› second\n")
        here.type("\x03")
        await here.unsee("› second\n")


async def test_queued_texts_are_sent_when_the_turn_is_done() -> None:
    gate = asyncio.Event()

    async def waits(driver: FakeDriver, text: str) -> None:
        await gate.wait()
        await replies(driver, text)

    async with session(FakeDriver(waits)) as here:
        here.type("one\r")
        await here.did(("turn", "one"))
        here.type("two\x1b\r")
        await here.see("two · queued")
        gate.set()
        await here.see("You said one.", "You said two.")


async def test_queued_texts_return_to_the_input_line_when_the_turn_was_stopped() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("later\x1b\r")
        await here.see("queued")
        here.type("\x1b")
        await here.see("■ stopped by you", "› later")
        assert ("turn", "later") not in here.driver.did


async def test_a_prompt_that_could_not_be_kept_returns_to_the_input_line() -> None:
    driver = FakeDriver(replies, refuse=ForkError("the project is locked", "close the other fork"))
    async with session(driver) as here:
        here.type("precious words\r")
        await here.see("✗ the project is locked", "close the other fork", "› precious words")


async def test_a_failure_to_save_ends_the_repl_with_its_code() -> None:
    driver = FakeDriver(replies, refuse=ForkError("no space left", kind=Kind.STORAGE))
    async with session(driver) as here:
        here.type("x\r")
        assert await here.end() == 4
        assert "no space left" in here.text


async def test_ctrl_c_empties_the_line_and_twice_quits() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("a draft\x03")
        await here.see("ctrl-c again quits")
        assert "a draft" not in here.text
        here.type("\x03")
        assert await here.end() == 0
        assert here.driver.did[-1] == ("close", "")


async def test_ctrl_c_does_not_quit_while_there_is_something_to_empty() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("a draft\x03another")
        await here.see("› another")
        assert "ctrl-c again quits" not in here.text
        here.type("\x03")
        await here.unsee("another")
        assert here.task is not None
        assert not here.task.done()


async def test_ctrl_c_on_an_empty_line_stops_what_runs() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("\x03")
        await here.see("■ stopped by you")


async def test_ctrl_d_deletes_in_a_line_and_quits_on_an_empty_one() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("ab\x1b[D\x1b[D\x04")
        await here.see("› b")
        here.type("\x05\x7f\x04")
        assert await here.end() == 0


async def test_quitting_stops_the_running_turn_first() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("\x04")
        await here.end()
        assert [deed for deed, _ in here.driver.did] == ["turn", "stop", "close"]
        assert "stopped by you" in here.text


async def test_a_long_paste_is_shown_short_and_sent_whole() -> None:
    text = "\n".join(f"line {n}" for n in range(120))
    async with session(FakeDriver(replies)) as here:
        here.type(f"sum \x1b[200~{text}\x1b[201~ up")
        await here.see("› sum [pasted 120 lines] up")
        here.type("\r")
        await here.did(("turn", f"sum {text} up"))


async def test_backspace_removes_a_whole_paste() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("x \x1b[200~" + "a\n" * 50 + "\x1b[201~")
        await here.see("[pasted 50 lines]")
        here.type("\x7f")
        await here.unsee("pasted")


async def test_pasted_control_characters_never_reach_the_terminal() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("\x1b[200~a\x1b]0;title\x07b\u202ec\x1b[201~")
        await here.see("a␛]0;title␇b\\u202ec")
        assert "\x1b]0;" not in here.glass.raw
        here.type("\r")
        await here.did(("turn", "a\x1b]0;title\x07b\u202ec"))
        assert "\u202e" not in here.glass.raw


async def test_undecodable_bytes_become_replacement_characters() -> None:
    async with session(FakeDriver(replies)) as here:
        here.keys.send_bytes(b"caf\xe9 \xf0\x9f\x98\x80\r")
        await here.until(lambda: bool(here.driver.did), "a turn")
        assert here.driver.did[0][1].encode("utf-8")


async def test_history_search_finds_an_earlier_line(tmp_path: Path) -> None:
    path = tmp_path / "state" / "input"
    async with session(FakeDriver(replies), history=path) as here:
        here.type("make the tests pass\r")
        await here.see("You said")
        here.type("now rest\r")
        await here.see("You said now rest.")
    assert path.stat().st_mode & 0o777 == 0o600
    async with session(FakeDriver(replies), history=path) as here:
        here.type("\x12tests")
        await here.see("search the history: tests", "› make the tests pass")
        here.type("\r\r")
        await here.did(("turn", "make the tests pass"))


async def test_up_recalls_the_last_line(tmp_path: Path) -> None:
    async with session(FakeDriver(replies), history=tmp_path / "input") as here:
        here.type("once\r")
        await here.see("You said once.")
        here.type("\x1b[A")
        await here.until(lambda: here.text.count("› once") == 2, "recalled")


async def test_an_unexpected_error_ends_the_repl_loudly_and_restores_the_terminal() -> None:
    async def breaks(driver: FakeDriver, text: str) -> None:
        raise RuntimeError("a bug")

    async with session(FakeDriver(breaks)) as here:
        here.type("x\r")
        error = (await asyncio.gather(here.end(), return_exceptions=True))[0]
        assert isinstance(error, RuntimeError)
        assert here.driver.did[-1] == ("close", "")


async def test_without_colour_every_state_still_has_a_sign() -> None:
    async with session(FakeDriver(replies), NO_COLOR="1") as here:
        here.type("hello\r")
        await here.see("› hello", "You said hello.")
        colours = [f"\x1b[{code}m" for code in (31, 32, 33, 36)]
        assert not any(colour in here.glass.raw for colour in colours)


async def test_a_narrow_terminal_shows_all_that_matters() -> None:
    async with session(FakeDriver(replies), columns=40, rows=16) as here:
        here.type("a question that is longer than the narrow terminal\r")
        await here.see("You said", "context 18%")
        assert max(map(len, here.glass.rows())) <= 40

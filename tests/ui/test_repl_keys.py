"""The REPL under a user's hands: what keys do, and that no typed text is lost."""

import asyncio
from pathlib import Path

from ui_fakes import MAIN, Ask, FakeDriver, answer, delta
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.errors import ForkError, Kind
from forkcli.ui.ports import Choice, Lines, Pager, Quit, Refill, Shown, Slash


async def replies(driver: FakeDriver, text: str) -> None:
    driver.emit(ev.StepStarted(MAIN, 1))
    driver.emit(delta(f"You said {text}."))
    driver.emit(answer(f"You said {text}."))


async def works(driver: FakeDriver, text: str) -> None:
    """A turn that lasts until it is stopped."""
    driver.emit(ev.StepStarted(MAIN, 1))
    driver.emit(delta("I begin."))
    await asyncio.sleep(60)


def slash(name: str, shown: Shown | None, args: str = "") -> Slash:
    async def run(rest: str) -> Shown | None:
        return Lines(f"{name} got {rest}") if rest else shown

    return Slash(name, args, f"the summary of {name}", run)


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


async def test_ctrl_j_and_a_backslash_make_new_lines() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("a\nb\\\rc\r")
        await here.did(("turn", "a\nb\nc"))


async def test_ctrl_c_empties_the_line_and_twice_quits() -> None:
    async with session(FakeDriver(replies)) as here:
        here.type("a draft\x03")
        await here.see("ctrl-c again quits")
        assert "a draft" not in here.text
        here.type("\x03")
        assert await here.end() == 0
        assert here.driver.did[-1] == ("close", "")


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


async def test_slash_commands_are_offered_and_run() -> None:
    driver = FakeDriver(replies, [slash("model", None, "[NAME]"), slash("history", Lines("nothing yet"))])
    async with session(driver) as here:
        here.type("/")
        await here.see("/model [NAME]", "the summary of model", "/history")
        here.type("his\t\r")
        await here.see("› /history", "nothing yet")
        here.type("/model opus\r")
        await here.see("model got opus")


async def test_an_unknown_slash_command_says_so_and_is_given_back() -> None:
    async with session(FakeDriver(replies, [slash("model", None)])) as here:
        here.type("/mdoel x\r")
        await here.see("✗ there is no /mdoel", "› /mdoel x")
        assert here.driver.did == []


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
        await here.see("the past ·", "row 3 ␛[31m")
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


async def test_an_unexpected_error_ends_the_repl_loudly_and_restores_the_terminal() -> None:
    async def breaks(driver: FakeDriver, text: str) -> None:
        raise RuntimeError("a bug")

    async with session(FakeDriver(breaks)) as here:
        here.type("x\r")
        error = (await asyncio.gather(here.end(), return_exceptions=True))[0]
        assert isinstance(error, RuntimeError)
        assert here.driver.did[-1] == ("close", "")


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
        await asyncio.sleep(0.6)
        here.type("\x1b")
        assert await second == "no"


async def test_a_question_goes_away_when_the_turn_is_stopped() -> None:
    async with session(FakeDriver(replies)) as here:
        asked = asyncio.create_task(here.repl.answer(Ask(MAIN, "net", "curl x")))
        await here.see("Allow it?")
        asked.cancel()
        await here.unsee("Allow it?")


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

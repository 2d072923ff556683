"""What agents ask and tell the person: the next line answers, and nothing else does."""

import asyncio

from ui_fakes import MAIN, FakeDriver, appended, call, replies, result, slash, works
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.asked import Asked
from forkcli.core.ids import AgentId, CallId, Seq, SessionId
from forkcli.ui.inquiry import Inquiry
from forkcli.ui.look import look_of
from forkcli.ui.ports import Lines

EVIL = "now\x1b]0;owned\x07 [bold]what[/bold]" + "x" * 9000


async def test_the_next_line_answers_a_question_and_is_no_steering() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.inquire("f2", "Which database?\nPostgres or SQLite?"))
        await here.see("f2 asks you:", "Which database?", "Postgres or SQLite?", "f2 waits for your answer")
        here.type("SQLite, it is small\r")
        assert await asked == "SQLite, it is small"
        await here.unsee("f2 waits for your answer")
        await here.see("› SQLite, it is small")
        assert not any(deed == "steer" for deed, _ in here.driver.did)


async def test_what_was_being_typed_is_no_answer_and_comes_back() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        here.type("half a thou")
        await here.see("› half a thou")
        asked = asyncio.create_task(here.repl.inquire("f2", "Which one?"))
        await here.see("f2 waits for your answer")
        here.type("that one\r")
        assert await asked == "that one"
        await here.see("› half a thou")


async def test_esc_on_an_empty_line_gives_no_answer_and_stops_nothing() -> None:
    async with session(FakeDriver(works)) as here:
        here.type("begin\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.inquire("main", "Which one?"))
        await here.see("main waits for your answer")
        here.type("\x1b")
        assert await asked is None
        assert ("stop", "") not in here.driver.did


async def test_a_slash_command_is_no_answer() -> None:
    async with session(FakeDriver(works, commands=[slash("cost", Lines("it cost nothing"))])) as here:
        here.type("begin\r")
        await here.see("I begin.")
        asked = asyncio.create_task(here.repl.inquire("f2", "Which one?"))
        await here.see("f2 waits for your answer")
        here.type("/cost\r")
        await here.see("it cost nothing")
        assert not asked.done()
        here.type("this one\r")
        assert await asked == "this one"


async def test_hostile_words_of_a_question_never_reach_the_terminal() -> None:
    async with session(FakeDriver(replies)) as here:
        asked = asyncio.create_task(here.repl.inquire("f2\x1b[31m", EVIL))
        await here.see("waits for your answer", "[bold]what[/bold]", "more characters")
        assert "\x1b]0;owned" not in here.glass.raw
        here.type("\x1b")
        assert await asked is None


async def test_of_a_question_that_fills_the_screen_it_stays_in_view_who_asks_and_how_it_begins() -> None:
    async with session(FakeDriver(replies)) as here:
        long = "Which of these?\n" + "\n".join(f"choice {n}" for n in range(200))
        asked = asyncio.create_task(here.repl.inquire("f2", long))
        await here.see("choice 199", "f2 asks you", "201 lines, above; it begins: Which of these? …")
        await here.see("f2 waits for your answer")
        here.type("the first\r")
        assert await asked == "the first"


def test_on_a_terminal_that_takes_lines_an_empty_one_gives_no_answer() -> None:
    panel = Inquiry("f2", "Which one?", look_of({}, "utf-8"))
    assert not panel.armed
    assert "f2 waits for your answer" in panel.listing()[0].plain
    assert panel.armed
    panel.line("  ")
    assert (panel.done, panel.answer) == (True, None)


async def test_what_a_fork_tells_the_person_is_shown_whole_with_its_name() -> None:
    async with session(FakeDriver(replies)) as here:
        here.repl.on_event(ev.Told(AgentId("f2"), "half done:\nthe parser works"))
        await here.see("f2 tells you:", "half done:", "the parser works")


async def test_the_agent_on_screen_shows_what_it_sends_as_a_call() -> None:
    async def sends(driver: FakeDriver, text: str) -> None:
        block = call("send", to="f2", text="mind the gap\nand the door", wait=False)
        driver.emit(ev.StepStarted(MAIN, 1))
        driver.emit(appended(e.Assistant((block,), "tool_use", e.Usage(), "m")))
        driver.emit(ev.CallStarted(MAIN, block))
        driver.emit(result("send", "Sent. f2 reads it at its next step."))

    async with session(FakeDriver(sends)) as here:
        here.type("go\r")
        await here.see("tell f2: mind the gap", "and the door", "Sent. f2 reads it at its next step.")


async def test_a_fork_that_answers_the_person_streams_on_screen_and_then_is_gone() -> None:
    fork = AgentId("f7")

    def of_fork(body: e.Body) -> ev.Appended:
        return ev.Appended(fork, e.Entry(Seq(9), "2026-11-22T09:25:00Z", body))

    line = e.Agent(
        1, SessionId("s"), fork, "fork", "/p", "m", None, (), (), "0", parent=MAIN, from_seq=Seq(3), answers="user"
    )
    async with session(FakeDriver(replies)) as here:
        here.repl.on_event(of_fork(line))
        here.repl.on_event(of_fork(e.ToolResult(CallId("c1"), "fork", ({"type": "text", "text": "still running"},))))
        here.repl.on_event(of_fork(e.Prompt("how far are you?", ())))
        here.repl.on_event(ev.StepStarted(fork, 1))
        here.repl.on_event(ev.TextDelta(fork, "nearly th"))
        await here.see("nearly th")
        here.repl.on_event(ev.TextDelta(fork, "ere"))
        here.repl.on_event(
            of_fork(e.Assistant(({"type": "text", "text": "nearly there"},), "end_turn", e.Usage(), "m"))
        )
        here.repl.on_event(ev.TurnEnded(fork, "done"))
        await here.see("f7", "nearly there")
        here.repl.on_event(ev.TextDelta(fork, "a secret"))
        await asyncio.sleep(0.05)
        assert not any(words in here.text for words in ("a secret", "still running", "how far"))


async def test_an_agent_that_was_asked_shows_one_line_of_it() -> None:
    async with session(FakeDriver(replies)) as here:
        here.repl.on_event(appended(Asked(AgentId("f3"), "f2", "which way?", Seq(4))))
        here.repl.on_event(appended(Asked(AgentId("f3"), "f2", "which way?", Seq(4), answer="left")))
        await here.see("f2 asked: which way?", "f3 answered")
        assert here.text.count("which way?") == 1
        idle = Asked(AgentId("f5"), "user", "and you?", Seq(4), answer="well")
        here.repl.on_event(ev.Appended(AgentId("f4"), e.Entry(Seq(9), "2026-11-22T09:25:00Z", idle)))
        await asyncio.sleep(0.05)
        assert "f4" not in here.text

"""How a rewind looks in the scrollback, live and afterwards."""

from rewind_kit import FakeRewinder, rewindables
from test_feed import Watched
from ui_fakes import MAIN, FakeDriver, answer, appended, call, delta, replies
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.ui.ports import Shown, Slash
from forkcli.ui.rewindable import Rewound

REPORT = "\n".join(f"- finding {n}" for n in range(1, 21))


def test_the_agents_own_says_where_to_what_is_left_behind_and_the_report() -> None:
    watched = Watched()
    watched.on(ev.StepStarted(MAIN, 1), delta("I go back."), answer("I go back.", call("rewind", to=12)))
    watched.on(ev.CallStarted(MAIN, call("rewind", to=12)))
    assert any("rewind to 12" in line for line in watched.live())
    rewind = e.Rewind(Seq(12), "agent", REPORT, abandoned=AgentId("f3"), call=CallId("c1"))
    said = watched.on(appended(rewind))
    assert "went back to 12, with a report; what is left behind is f3" in said
    assert "files as they are" in said
    assert "finding 14" in said
    assert "finding 15" not in said
    assert "6 more lines" in said
    assert not any("rewind to" in line for line in watched.live())


def test_a_full_context_is_named_as_the_reason() -> None:
    assert "the context was full: went back to 3, with a report" in Watched().on(
        appended(e.Rewind(Seq(3), "fork", "all done", abandoned=AgentId("f1")))
    )
    assert "no report could be had" in Watched().on(appended(e.Rewind(Seq(3), "fork")))


def test_restored_files_and_children_that_go_on_alone_are_named() -> None:
    paths = tuple(f"{n}.py" for n in range(10))
    rewind = e.Rewind(Seq(0), "user", files="restore", restored=paths, removed=("9.py",), let_go=(AgentId("f2"),))
    said = Watched().on(appended(rewind))
    assert "you went back to the beginning" in said
    assert "9 files restored: 0.py" in said
    assert "1 file removed again: 9.py" in said
    assert "and 1 more" in said
    assert "at work on their own from here: f2" in said


def test_hostile_words_of_a_report_reach_nobody_raw() -> None:
    evil = "x\x1b]0;pwned\x07[bold]"
    said = Watched().on(appended(e.Rewind(Seq(3), "agent", evil, files="restore", restored=(evil,))))
    assert "\x1b" not in said
    assert "[bold]" in said


async def test_a_rewind_by_hand_is_said_once() -> None:
    plain = e.Rewind(Seq(2), "user", asks=False)
    driver = FakeDriver(replies)
    entries = (e.Entry(Seq(2), "", e.Prompt("the beginning", ())), e.Entry(Seq(9), "", plain))

    async def run(rest: str) -> Shown | None:
        driver.emit(appended(plain))
        return Rewound("Back at 2.", Seq(8), entries)

    driver.commands = [Slash("rewind", "", "", run)]
    async with session(driver) as here:
        here.type("/rewind\r")
        await here.see("› the beginning", "↶ Back at 2. · undo: /rewind 8")
        assert "you went back" not in here.text


async def test_a_long_conversation_shows_its_end_after_a_rewind() -> None:
    entries = tuple(e.Entry(Seq(n), "", e.Prompt(f"prompt {n}", ())) for n in range(1, 60))
    rewinder = FakeRewinder(done=Rewound("Back at 59.", Seq(80), entries))
    driver = FakeDriver(replies)

    async def run(rest: str) -> Shown | None:
        return await rewinder.rewind(None) if rest else rewindables(rewinder)

    driver.commands = [Slash("rewind", "", "", run)]
    async with session(driver, rows=40) as here:
        here.type("/rewind 1\r")
        await here.see("… the conversation before", "› prompt 59", "Back at 59.")
        assert "› prompt 40" not in here.text

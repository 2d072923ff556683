"""Outside checks on screen and in a transcript: what runs, how it ended, nothing that a terminal would obey."""

from test_feed import Watched
from ui_fakes import MAIN, appended, call

from forkcli.core import events as ev
from forkcli.core.check_entries import CHECK, Checked, Checks
from forkcli.core.entries import Entry
from forkcli.core.ids import CallId, Seq
from forkcli.store.transcript import render

FAILED = Checked(
    "until", "make test", False, 1, 5, "It fails.\nOutput:\n1 failed", exit_code=2, output_file="o.txt", ms=1200
)
HOSTILE = "\x1b]0;owned\x07[red]\u202e\x9b2J"


def test_a_check_runs_in_the_live_area_and_leaves_it_with_its_outcome() -> None:
    watched = Watched()
    block = {**call("check", command="make test"), "id": CHECK}
    watched.on(ev.CallStarted(MAIN, block), ev.CallOutput(MAIN, CallId(CHECK), "compiling\n"))
    assert any("check" in line and "make test" in line for line in watched.live())
    assert any("compiling" in line for line in watched.live())
    said = watched.on(appended(FAILED))
    assert "until make test · exit 2 · round 1 of 5 · 1.2 s" in said
    assert "1 failed" in said
    assert not any("make test" in line for line in watched.live())


def test_a_passed_check_is_one_line() -> None:
    said = Watched().on(appended(Checked("until", "make test", True, 2, 5, exit_code=0, ms=900)))
    assert said.strip().endswith("until make test · passed · 900 ms")
    said = Watched().on(appended(Checked("review", "", True, 1, 2, sender="s1")))
    assert said.strip().endswith("review s1 approves")


def test_what_a_turn_has_to_pass_is_said_in_one_line() -> None:
    said = " ".join(Watched().on(appended(Checks("make test", 5, 1, "speed"))).split())
    assert "until `make test` passes, at most 5 rounds, then peer review for speed, at most 1 round" in said


def test_commands_outputs_and_perspectives_cannot_drive_a_terminal() -> None:
    bodies = (
        Checks(HOSTILE, 5, 2, HOSTILE),
        Checked("until", HOSTILE, False, 6, 5, f"a\nb\n{HOSTILE}", sender=HOSTILE),
        Checked("review", HOSTILE, False, 1, 2, HOSTILE, sender=HOSTILE),
    )
    shown = Watched().on(*map(appended, bodies))
    written = "".join(render(Entry(Seq(n), "2026-11-22T09:25:00.000Z", body)).decode() for n, body in enumerate(bodies))
    for text in (shown, written):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "no round is left" in shown

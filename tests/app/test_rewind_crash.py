"""kill -9 at any entry of a rewind, and while files are restored: the next run goes on, and nothing is done twice."""

import re
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from app_kit import Desk, Serve
from fork_kit import answers, newest
from test_rewind_session import marks

from forkcli.core.entries import Agent, Rewind
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply
from forkcli.models.scripted.catalog import CATALOG
from forkcli.store.reading import read_history

REPORT = "Nothing there: the cause is elsewhere."
ANSWER = "Mended elsewhere.\n"
SMALL = "claude-haiku-4-5"
RECORDS = 18  # how often the turn below records something
FILES = 500


def script(request: Json) -> Reply:
    """Change files, go back with a report and with the files, then answer; whoever is asked for a report writes it."""
    if "Write this report now" in newest(request):
        return reply(REPORT)
    if "<report" in newest(request):
        return reply(ANSWER.strip())
    work = call("bash", command="echo once >> trace; echo b > README.md")
    back = call("rewind", to=marks(request)[0], report=REPORT, files="restore")
    return [reply(work), reply(call("read", path="trace"), back)][answers(request)]


def histories(desk: Desk) -> dict[str, list[object]]:
    """The own entries of each agent."""
    found = sorted(desk.session.glob("agents/*/history.jsonl"))
    return {path.parent.name: [entry.body for entry in read_history(path).entries] for path in found}


def abandoned(desk: Desk) -> list[str]:
    bodies = histories(desk).items()
    return [name for name, (first, *_) in bodies if isinstance(first, Agent) and first.kind == "abandoned"]


def applied(desk: Desk) -> list[Rewind]:
    return [body for body in desk.bodies(Rewind) if body.report]


def sound(desk: Desk) -> None:
    """One report, one abandoned agent, and files that are in order."""
    assert desk.findings() == []
    assert [one.report for one in applied(desk)] == [REPORT]
    assert abandoned(desk) == [applied(desk)[0].abandoned]


def test_the_turn_that_is_killed_below_records_about_as_often_as_these_tests_believe(desk: Desk, serve: Serve) -> None:
    server = serve(script)
    assert desk.run("-p", "mend it").stdout == ANSWER
    assert abs(len([body for bodies in histories(desk).values() for body in bodies]) - RECORDS) <= 3
    assert (desk.project / "README.md").read_text() == "# A project\n"
    assert not (desk.project / "trace").exists()
    assert server.refusals == []
    sound(desk)


@pytest.mark.parametrize(
    ("record", "share"), [*((n, 1) for n in range(4, RECORDS)), (12, 0.5), (12, 0.1), (14, 0.3), (15, 0.9)]
)
def test_a_rewind_of_the_models_killed_after_any_record_or_in_it_is_carried_out_once(
    desk: Desk, serve: Serve, record: int, share: float
) -> None:
    server = serve(script)
    if desk.goes_on("mend it", ANSWER, (record, share)):
        assert server.refusals == []
        sound(desk)


def test_it_may_be_killed_again_and_again(desk: Desk, serve: Serve) -> None:
    serve(script)
    desk.run("-p", "mend it", die_writing=(5, 1))
    desk.go_on_until_done((6, 1))
    sound(desk)


def filling(request: Json) -> Reply:
    """Change a file, then read more than the window holds."""
    if "Write this report now" in newest(request) or "<report" in newest(request):
        return script(request)
    return reply(call("bash", command="echo once >> trace") if answers(request) == 0 else call("read", path="big.txt"))


@pytest.mark.parametrize("record", [16, 19])
def test_room_is_made_once_in_a_full_context_whenever_it_is_killed(desk: Desk, serve: Serve, record: int) -> None:
    (desk.project / "big.txt").write_text(("word " * 15 + "\n") * 1700)
    server = serve(filling, models=[replace(CATALOG[SMALL], window=14_000, min_cached=512)])
    assert desk.run("-p", "mend it", "-m", SMALL, die_writing=(record, 1)).code == -signal.SIGKILL
    assert (desk.run("-c", "-p", "-m", SMALL).stdout, desk.bodies(Rewind)[0].by) == (ANSWER, "fork")
    assert (desk.project / "trace").read_text() == "once\n"
    assert sum("Write this report now" in newest(one.body) for one in server.requests) <= 2
    sound(desk)


# --- from the shell ---------------------------------------------------------------------------------------------------


def asked(desk: Desk) -> None:
    """Two prompts were answered, the second one with a change of files."""
    assert desk.run("-p", "first").code == 0
    assert desk.run("-c", "-p", "second").code == 0


def plain(request: Json) -> Reply:
    if "Write this report now" in newest(request):
        return reply(REPORT)
    if "second" in newest(request) and "<report" not in newest(request):
        return reply(call("bash", command="echo once >> trace; echo b > README.md"))
    return reply("Well.")


def numbers(desk: Desk) -> list[int]:
    text = (desk.agent / "transcript.md").read_text()
    return [int(number) for number in re.findall(r"\[checkpoint (\d+)\]", text)]


@pytest.mark.parametrize("record", range(1, 6))
def test_a_rewind_from_the_shell_that_was_killed_can_be_made_again(desk: Desk, serve: Serve, record: int) -> None:
    serve(plain)
    asked(desk)
    to = str(numbers(desk)[0])
    killed = desk.run("rewind", to, "--files", "restore", die_writing=(record, 1))
    if killed.code == 0:
        assert record > 3
        return
    assert killed.code == -signal.SIGKILL
    assert {found.severity for found in desk.findings()} <= {"note"}
    done = desk.bodies(Rewind)
    again = desk.run("rewind", to, "--files", "restore")
    assert again.code == 0, again.stderr
    assert not (desk.project / "trace").exists()
    assert (desk.project / "README.md").read_text() == "# A project\n"
    assert len(desk.bodies(Rewind)) == len(done) + 1
    assert desk.run("-c", "-p", "third").stdout == "Well.\n"
    assert desk.findings() == []


@pytest.mark.parametrize("text", ["", "By hand."])
@pytest.mark.parametrize("record", range(1, 9))
def test_a_report_from_the_shell_that_was_killed_leaves_no_second_agent(
    desk: Desk, serve: Serve, record: int, text: str
) -> None:
    server = serve(plain)
    asked(desk)
    words = ["report", str(numbers(desk)[0]), *([text] if text else []), "--files", "restore"]
    killed = desk.run(*words, die_writing=(record, 1))
    if killed.code != 0:
        assert killed.code == -signal.SIGKILL
        assert {found.severity for found in desk.findings()} <= {"note"}
        if not desk.bodies(Rewind):
            again = desk.run(*words)
            assert again.code == 0, again.stderr
    assert [one.report for one in applied(desk)] == [text or REPORT]
    assert abandoned(desk) == [applied(desk)[0].abandoned]
    assert sum("Write this report now" in newest(one.body) for one in server.requests) <= 2
    assert desk.run("-c", "-p").stdout == "Well.\n"
    assert not (desk.project / "trace").exists()
    assert desk.findings() == []


def many(request: Json) -> Reply:
    change = f"for n in $(seq {FILES}); do echo new > many/$n; done; mkdir -p more; touch more/a"
    return reply(call("bash", command=change)) if answers(request) == 0 else reply("Well.")


def contents(project: Path) -> Counter[str]:
    return Counter(path.read_text() for path in (project / "many").iterdir())


@pytest.mark.parametrize("step", [2, 600, 900, 1005])
def test_a_restore_of_many_files_that_was_killed_is_whole_or_undone_after_the_next_run(
    desk: Desk, serve: Serve, step: int
) -> None:
    (desk.project / "many").mkdir()
    for n in range(1, FILES + 1):
        (desk.project / "many" / str(n)).write_text("old\n")
    serve(many)
    assert desk.run("-p", "change them").code == 0
    assert contents(desk.project) == {"new\n": FILES}
    to = str(numbers(desk)[0])
    killed = desk.run("rewind", to, "--files", "restore", die_changing=step)
    assert killed.code == -signal.SIGKILL
    assert desk.run("-c", "-p", "and now?").stdout == "Well.\n"
    assert contents(desk.project) in ({"new\n": FILES}, {"old\n": FILES})
    assert desk.run("rewind", to, "--files", "restore").code == 0
    assert contents(desk.project) == {"old\n": FILES}
    assert not (desk.project / "more").exists()
    assert desk.findings() == []

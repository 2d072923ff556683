"""clean: looks, then removes; never what is in use, and never half a session."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from made import Made, answer, finished, made

from forkcli.cli import run
from forkcli.commands.clean import leftovers, remove
from forkcli.core import entries as e
from forkcli.core.ids import MAIN, AgentId, Seq, SessionId
from forkcli.core.views import CleanView, Leftover
from forkcli.errors import ForkError
from forkcli.store.agent_files import create_agent
from forkcli.store.lock import lock_session
from forkcli.store.scratch import Scratch

F1 = AgentId("f1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    return place


def aged(folder: Path, days: float) -> SessionId:
    """A session in which nothing was recorded for so long."""
    one = made(folder, finished())
    when = time.time() - days * 86_400
    os.utime(one.agent / "history.jsonl", (when, when))
    return one.id


def names(view: CleanView) -> list[SessionId]:
    return [one.session for one in view.sessions]


def test_looking_removes_nothing_and_says_how_large_they_are(folder: Path) -> None:
    one = aged(folder, 1)
    view = leftovers(folder)
    assert names(view) == [one]
    assert view.size > 1000
    assert Scratch(folder).session_folder(one).is_dir()


def test_age_and_number_choose_together(folder: Path) -> None:
    old, older, new = aged(folder, 10), aged(folder, 20), aged(folder, 0)
    assert names(leftovers(folder)) == [new, old, older]
    assert names(leftovers(folder, older_than_days=5)) == [old, older]
    assert names(leftovers(folder, keep=2)) == [older]
    assert names(leftovers(folder, older_than_days=5, keep=2)) == [older]
    assert names(leftovers(folder, older_than_days=30)) == []
    later = datetime.now(UTC) + timedelta(days=25)
    assert len(leftovers(folder, older_than_days=30, now=lambda: later).sessions) == 2
    assert names(leftovers(folder, session=old[-3:])) == [old]


def test_a_session_in_use_stays(folder: Path) -> None:
    one, other = made(folder, finished()), made(folder, finished())
    view = leftovers(folder)
    with lock_session(one.folder):
        assert names(leftovers(folder)) == [other.id]
        assert str(os.getpid()) in leftovers(folder).kept[0]
        with pytest.raises(ForkError, match=str(os.getpid())):
            leftovers(folder, session=one.id)
        done = remove(folder, view)
    assert names(done) == [other.id]
    assert len(done.kept) == 1
    assert one.folder.is_dir()
    assert not other.folder.exists()


def test_what_is_removed_is_gone_and_the_rest_is_untouched(folder: Path) -> None:
    gone, kept = aged(folder, 10), aged(folder, 0)
    notes = folder / ".fork/notes/n.md"
    notes.write_text("note")
    assert names(remove(folder, leftovers(folder, older_than_days=5))) == [gone]
    assert [one.id for one in Scratch(folder).sessions()] == [kept]
    assert notes.read_text() == "note"


def test_a_removal_that_was_cut_short_is_finished_by_the_next(folder: Path) -> None:
    one = made(folder, finished())
    one.folder.rename(one.folder.with_name(".removed-" + one.id))
    assert Scratch(folder).sessions() == []
    remove(folder, leftovers(folder))
    assert list((folder / ".fork/sessions").iterdir()) == []


def test_a_link_in_a_session_is_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    one = made(folder, finished())
    (one.agent / "outputs/link").symlink_to(precious)
    remove(folder, leftovers(folder))
    assert (precious / "file").read_text() == "keep"


def test_a_name_that_is_no_session_is_never_a_path(folder: Path) -> None:
    made(folder, finished())
    with pytest.raises(ForkError):
        remove(folder, CleanView((Leftover(SessionId("../../.."), "", "", 0),)))
    assert folder.is_dir()


def with_fork(folder: Path, *bodies: e.Body, access: e.Access = "write", steps: int = 1) -> Made:
    """A session whose fork f1 has taken so many steps; `bodies` are what its parent says of it after the order."""
    child = e.Child(F1, "mend it", access)
    one = made(folder, [*finished(), e.Snapshot(Seq(8), "base"), e.Fork((child,), Seq(8)), *bodies])
    about = e.Agent(
        1,
        one.id,
        F1,
        "fork",
        str(folder),
        "opus",
        None,
        (),
        (),
        "0.1.0",
        access,
        parent=MAIN,
        from_seq=Seq(8),
        task="mend it",
    )
    files = create_agent(one.agent.parent / "f1", first_seq=Seq(9))
    files.append([about, *([answer("So.")] * steps)], sync=False)
    files.close()
    return one


ENDED = e.Report(F1, "done", "I mended it.", 1, tree="other")


@pytest.mark.parametrize(
    "said",
    [
        (),
        (ENDED,),
        (ENDED, e.Merge(F1, "kept")),
        (ENDED, e.Merge(F1, "conflict", ("a.py",), ".fork/x")),
    ],
)
def test_the_only_copy_of_work_that_is_merged_nowhere_stays(folder: Path, said: tuple[e.Body, ...]) -> None:
    one, other = with_fork(folder, *said), made(folder, finished())
    view = leftovers(folder)
    assert names(view) == [other.id]
    assert view.kept == (f"{one.id} holds the only copy of what f1 did",)
    with pytest.raises(ForkError, match="only copy of what f1 did") as caught:
        leftovers(folder, session=one.id)
    assert "/merge f1" in caught.value.hints[0]
    looked_before = CleanView((Leftover(one.id, "", "", 0),))
    assert names(remove(folder, looked_before)) == []
    assert one.folder.is_dir()


@pytest.mark.parametrize(
    "one",
    [
        lambda folder: with_fork(folder, ENDED, e.Merge(F1, "merged", ("a.py",))),
        lambda folder: with_fork(folder, ENDED, e.Merge(F1, "kept"), e.Merge(F1, "merged", ("a.py",))),
        lambda folder: with_fork(folder, ENDED, e.Merge(F1, "nothing")),
        lambda folder: with_fork(folder, replace(ENDED, tree="base")),
        lambda folder: with_fork(folder, replace(ENDED, tree="")),
        lambda folder: with_fork(folder, access="read"),
        lambda folder: with_fork(folder, steps=0),
    ],
)
def test_work_that_is_merged_or_was_never_done_holds_nothing_back(folder: Path, one: Callable[[Path], Made]) -> None:
    gone = one(folder)
    assert names(remove(folder, leftovers(folder))) == [gone.id]
    assert not gone.folder.exists()


def test_where_nobody_can_be_asked_json_says_what_would_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = made(folder, finished())
    monkeypatch.chdir(folder)
    with pytest.raises(ForkError, match="nothing was removed"):
        run(["clean", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert ([row["session"] for row in said["sessions"]], said["removed"]) == ([one.id], False)
    assert run(["clean", "--json", "--yes", "--session", one.id]) == 0
    said = json.loads(capsys.readouterr().out)
    assert ([row["session"] for row in said["sessions"]], said["removed"]) == ([one.id], True)
    assert not one.folder.exists()


def on_a_terminal(project: Path, typed: bytes) -> bytes:
    """What `fork clean` prints on a real terminal where somebody types this."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "forkcli", "clean"]
    process = subprocess.Popen(argv, cwd=project, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, typed)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux says that the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=20) == 0
    return shown


@pytest.mark.parametrize(("typed", "gone"), [(b"y\n", True), (b"\n", False), (b"yesterday\n", False), (b"\x04", False)])
def test_a_person_is_asked_and_only_yes_removes(folder: Path, typed: bytes, gone: bool) -> None:
    one = made(folder, finished())
    shown = on_a_terminal(folder, typed)
    assert one.id.encode() in shown
    assert b"for good? [y/N]" in shown
    assert one.folder.exists() is not gone

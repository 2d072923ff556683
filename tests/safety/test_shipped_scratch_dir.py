"""A project can be delivered with a `.fork` of somebody else's making: links, pipes, forged histories."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safety_kit import Strike, run_fork

from forkcli.app.crew import _next_job
from forkcli.commands.clean import leftovers, remove
from forkcli.commands.show import first_prompt
from forkcli.commands.tell import tell
from forkcli.core.entries import ToolFacts, ToolResult
from forkcli.core.history import History
from forkcli.core.ids import CallId
from forkcli.core.views import CleanView
from forkcli.errors import ForkError
from forkcli.models.scripted import ScriptedServer, call, reply
from forkcli.store.reading import read_history
from forkcli.store.scratch import Scratch
from forkcli.workspace.snapshots_dir import SnapshotDir


@pytest.fixture
def session(project: Path, strike: Strike) -> Path:
    """The folder of a real session."""
    assert strike(call("read", path="README.md")).code == 0
    (found,) = (project / ".fork/sessions").iterdir()
    return found


def _link_away(path: Path, elsewhere: Path) -> Path:
    """Move `path` to `elsewhere` and leave a link to it."""
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    return elsewhere


def test_sessions_behind_a_link_are_not_this_projects_to_remove_or_write_to(
    session: Path, project: Path, tmp_path: Path
) -> None:
    parts = {
        "agent": session / "agents/main",
        "agents": session / "agents",
        "session": session,
        "sessions": session.parent,
        "scratch dir": project / ".fork",
    }
    for name, path in parts.items():
        away = _link_away(path, tmp_path / name)
        before = sorted(away.rglob("*"))
        with pytest.raises(ForkError, match="no session"):
            tell(project, None, "main", "hello")
        remove(project, leftovers(project))
        assert sorted(away.rglob("*")) == before, name
        path.unlink()
        shutil.move(away, path)
    assert remove(project, leftovers(project)).sessions


def test_nothing_behind_a_link_is_taken_for_the_rest_of_a_removal(session: Path, project: Path, tmp_path: Path) -> None:
    sessions = session.parent
    (tmp_path / "victim/.removed-20261122-0925-k3f").mkdir(parents=True)
    (sessions / ".removed-20261122-0926-k3f").symlink_to(tmp_path / "victim")
    (sessions / ".removed-20261122-0927-k3f").mkdir()
    remove(project, CleanView(()))
    assert not (sessions / ".removed-20261122-0927-k3f").exists()
    _link_away(sessions, tmp_path / "sessions")
    (tmp_path / "sessions/.removed-20261122-0928-k3f").mkdir()
    remove(project, CleanView(()))
    assert (tmp_path / "victim/.removed-20261122-0925-k3f").is_dir()
    assert (tmp_path / "sessions/.removed-20261122-0928-k3f").is_dir()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_first_prompt_that_is_no_file_is_an_error_and_no_wait(session: Path, project: Path, kind: str) -> None:
    (session / "prompt.md").unlink()
    if kind == "pipe":
        os.mkfifo(session / "prompt.md")
    else:
        (session / "prompt.md").symlink_to("/etc/hostname")
    with pytest.raises(ForkError, match="cannot read"):
        first_prompt(project, session.name)


@pytest.mark.parametrize("job", ["jabc", "j", "x1", "j" + "9" * 5000, "j-1", "\x1b[2J"])
def test_a_job_of_no_expected_name_does_not_stop_a_resume(session: Path, job: str) -> None:
    entries = read_history(session / "agents/main/history.jsonl").entries
    result = ToolResult(CallId("x"), "bash", (), facts=ToolFacts(job=job))
    forged = [*entries, replace(entries[-1], seq=entries[-1].seq + 1, body=result)]
    assert _next_job(History.of(forged)) == 1


@pytest.mark.parametrize("name", ["config", "HEAD", "packed-refs", "info/exclude"])
def test_a_pipe_among_the_snapshots_is_refused_and_not_waited_for(project: Path, name: str) -> None:
    where = SnapshotDir(project / ".fork", project)
    (project / ".fork").mkdir(mode=0o700)
    where.ready()
    (where.folder / name).unlink(missing_ok=True)
    os.mkfifo(where.folder / name)
    with pytest.raises(ForkError, match="not made by fork"):
        SnapshotDir(project / ".fork", project).ready()


def test_links_in_the_scratch_dir_stop_a_run_before_it_writes(project: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in (".fork", ".fork/notes", ".fork/sessions"):
        link = project / name
        link.parent.mkdir(exist_ok=True)
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(victim)
        with pytest.raises(ForkError, match="symbolic link"):
            Scratch(project).ensure()
        assert list(victim.iterdir()) == []
        link.unlink()


def test_a_project_file_of_settings_is_parsed_in_no_time(project: Path) -> None:
    (project / ".fork").mkdir(mode=0o700)
    (project / ".fork/config.toml").write_text("a.b" * 20_000 + "=1")
    with ScriptedServer([reply("ok")]) as server:
        done = run_fork(project, server.base_url, ("-p", "go"), {})
    assert b"config.toml is ignored" in done.stderr

"""Files of forks, snapshots and journals that came with a project: nothing of them leads out of the scratch dir."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forkcli.core.entries import Agent, Assistant, Entry, Usage
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq
from forkcli.engine.reads import Reads
from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace, open_fork, open_workspace
from forkcli.workspace.restore import recover
from forkcli.workspace.snapshots import Snapshots


@pytest.fixture
def layers(project: Path) -> Path:
    folder = project / ".fork/sessions/20261122-0925-k3f/agents/f1/layers"
    folder.parent.mkdir(mode=0o700, parents=True)
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A directory outside; whatever happens, it stays as it is."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "tmp_old").write_text("mine")
    os.utime(folder / "tmp_old", (1, 1))
    yield folder
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("tmp_old", "mine")]


Shown = Callable[[ForkWorkspace], None]


def opened(project: Path, layers: Path, look: Shown) -> None:
    """Open a fork on planted layers, look, and close it."""

    async def run() -> None:
        parent = open_workspace(project, ())
        try:
            fork = await asyncio.to_thread(open_fork, parent, layers)
            try:
                look(fork)
            finally:
                await fork.close()
        finally:
            await parent.close()

    asyncio.run(run())


@pytest.mark.parametrize("part", ["", "0", "0/upper", "0/work"])
def test_a_link_among_a_forks_layers_is_refused(
    needs_sandbox: None, project: Path, layers: Path, victim: Path, part: str
) -> None:
    (layers / part).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    (layers / part).symlink_to(victim)

    def write(fork: ForkWorkspace) -> None:
        fork.write("planted.txt", b"x")

    with pytest.raises(ForkError, match="symbolic link"):
        opened(project, layers, write)


def test_a_record_cannot_have_places_of_the_host_layered(
    needs_sandbox: None, project: Path, layers: Path, victim: Path
) -> None:
    """If such a place held programs that fork runs among a fork's files, the layer's would run."""
    (layers / "tree").mkdir(mode=0o700, parents=True)
    (layers / "git0/upper").mkdir(mode=0o700, parents=True)
    (layers / "git0/upper/planted").write_text("planted")
    record = {"kind": "worktree", "layered": True, "git": [str(victim)], "dirs": [], "missing": []}
    (layers / "fork.json").write_text(json.dumps(record))

    def look(fork: ForkWorkspace) -> None:
        assert [layer.target for layer in fork.plan.layers] == [project]
        assert not fork.plan.locked

    opened(project, layers, look)


@pytest.mark.parametrize(
    "record", [{"kind": "worktree", "git": 7}, {"kind": "overlay", "targets": 5}, {"kind": "overlay", "targets": [5]}]
)
def test_a_record_of_no_expected_shape_is_damage(project: Path, layers: Path, record: object) -> None:
    (layers / "tree").mkdir(mode=0o700, parents=True)
    (layers / "0").mkdir(mode=0o700)
    (layers / "fork.json").write_text(json.dumps(record))
    with pytest.raises(ForkError, match="is damaged"):
        opened(project, layers, lambda _: None)


@pytest.mark.parametrize("part", ["objects", "objects/pack", "objects/info", "objects/ab", "indexes", "info", "refs"])
def test_a_link_among_the_snapshots_is_refused(project: Path, victim: Path, part: str) -> None:
    (project / ".fork").mkdir(mode=0o700)
    Snapshots(project / ".fork", project).take("main")
    place = project / ".fork/snapshots.git" / part
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(victim)
    with pytest.raises(ForkError, match="not made by fork"):
        Snapshots(project / ".fork", project).take("main")


def test_a_pipe_in_the_place_of_an_index_is_refused_and_not_waited_for(project: Path) -> None:
    (project / ".fork").mkdir(mode=0o700)
    Snapshots(project / ".fork", project).take("main")
    os.mkfifo(project / ".fork/snapshots.git/indexes/planted")
    with pytest.raises(ForkError, match="not made by fork"):
        Snapshots(project / ".fork", project).take("main")


@pytest.mark.parametrize(
    "part", ["agents/f2", "agents/f2/conflict", "agents/f2/conflict/here", "agents/f2/conflict/here/d"]
)
def test_the_versions_of_a_conflict_are_written_behind_no_link(project: Path, victim: Path, part: str) -> None:
    (project / ".fork").mkdir(mode=0o700)
    (project / "d").mkdir()
    (project / "d/tmp_old").write_text("planted")
    snapshots = Snapshots(project / ".fork", project)
    tree = snapshots.take("main").tree
    place = project / ".fork" / part
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.symlink_to(victim)
    with pytest.raises(ForkError, match="could not be written"):
        snapshots.export(tree, ["d/tmp_old", "README.md"], project / ".fork/agents/f2/conflict/here")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "deep"])
def test_a_journal_that_fork_did_not_write_is_set_aside(project: Path, victim: Path, kind: str) -> None:
    (project / ".fork").mkdir(mode=0o700)
    snapshots = Snapshots(project / ".fork", project)
    snapshots.take("main")
    folder = project / ".fork/journal"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "x.tmp").mkdir()
    journal = folder / "planted.json"
    plant: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(journal),
        "folder": journal.mkdir,
        "link": lambda: journal.symlink_to(victim / "tmp_old"),
        "deep": lambda: journal.write_text("[" * 200_000),
    }
    plant[kind]()
    (said,) = recover(snapshots)
    assert "damaged record" in said


def test_an_agent_that_is_above_itself_ends_no_process(project: Path) -> None:
    line_one = Agent(
        1, "s", AgentId("f1"), "fork", "/p", "m", None, (), (), "0", parent=AgentId("f1"), from_seq=Seq(4)
    )  # fmt: skip
    reads = Reads()
    reads.sent(
        History.of([Entry(Seq(5), "t", line_one), Entry(Seq(6), "t", Assistant((), "end_turn", Usage(), "m"))]), 1.0
    )
    assert reads.own == {AgentId("f1"): 1.0}

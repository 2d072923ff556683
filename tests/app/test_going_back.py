"""The files of an agent as they were: noted at checkpoints, shown, and brought back byte for byte."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from back_kit import bash, checkpoints, parts, paths, played, state
from fork_kit import Den, den

from forkcli.app.going_back import UNKNOWN
from forkcli.core.entries import Checkpoint, Snapshot
from forkcli.core.ids import Seq
from forkcli.errors import ForkError
from forkcli.models.scripted import call, reply


def test_what_commands_did_is_shown_and_undone_and_the_undoing_is_undone(project: Path) -> None:
    script = [
        bash("echo one > one.txt; rm README.md"),
        bash("echo two >> one.txt; chmod +x src/hello.py"),
        reply("Done."),
    ]

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        first, second, _ = checkpoints(home)
        plan = await back.preview(agent, rig, first)
        assert [(one.path, one.since, one.added, one.removed, one.yours) for one in plan.changes] == [
            ("README.md", "deleted", 0, 1, False),
            ("one.txt", "added", 2, 0, False),
            ("src/hello.py", "modified", 0, 0, False),
        ]
        head = agent.history.entries[-1].seq
        done = await back.restore(agent, rig, first)
        assert (done.done, done.restored) == (True, ("README.md", "one.txt", "src/hello.py"))
        assert (project / "README.md").exists()
        assert not (project / "one.txt").exists()
        assert not (project / "src/hello.py").stat().st_mode & 0o111
        assert (await back.restore(agent, rig, second)).done
        assert (project / "one.txt").read_text() == "one\n"
        assert (await back.restore(agent, rig, head)).done
        assert (project / "one.txt").read_text() == "one\ntwo\n"
        assert (project / "src/hello.py").stat().st_mode & 0o111

    played(project, script, then)


def hostile(project: Path) -> None:
    """Files of every awkward kind."""
    (project / ".gitattributes").write_text("*.txt text=auto eol=lf\n*.bin filter=evil\n* ident\n")
    (project / "crlf.txt").write_bytes(b"one\r\ntwo\nthree\r\n$Id$\n")
    (project / "big.bin").write_bytes(bytes(range(256)) * 4 * 1024 * 50)
    (project / "tool").write_text("#!/bin/sh\n")
    (project / "tool").chmod(0o755)
    (project / "dangling").symlink_to("nowhere/at all")
    (project / "became a folder").write_text("file\n")
    (project / "became a file/deep").mkdir(parents=True)
    (project / "became a file/deep/x").write_text("x\n")
    (project / "höhe ☃\n\udcff.md").write_text("odd\n")
    (project / "empty").write_bytes(b"")
    subprocess.run(["git", "config", "filter.evil.clean", "tr a-z A-Z"], cwd=project, check=True)
    subprocess.run(["git", "config", "filter.evil.smudge", "false"], cwd=project, check=True)
    subprocess.run(["git", "config", "core.autocrlf", "true"], cwd=project, check=True)


SPOIL = """
printf 'ONE\ntwo\r\n' > crlf.txt; printf x | dd of=big.bin bs=1 seek=40000000 conv=notrunc status=none
chmod -x tool; ln -sfn README.md dangling; rm 'became a folder'; mkdir 'became a folder'; echo y > 'became a folder/y'
rm -r 'became a file'; echo file > 'became a file'; rm h*; chmod +x empty; echo new > 'new one'
"""


@pytest.mark.timeout(120)
def test_every_byte_mode_and_link_comes_back(project: Path) -> None:
    hostile(project)
    before = state(project)

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        spoilt = state(project)
        assert spoilt != before
        head = agent.history.entries[-1].seq
        done = await back.restore(agent, rig, checkpoints(home)[0])
        assert done.done, done
        assert state(project) == before
        assert (await back.restore(agent, rig, head)).done
        assert state(project) == spoilt

    played(project, [bash(SPOIL), reply("Done.")], then)


def test_edits_of_equal_size_within_one_second_are_told_apart(project: Path) -> None:
    script = [*(bash(f"printf {letter} > same") for letter in "abcd"), reply("Done.")]

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        for at, letter in zip(reversed(checkpoints(home)[1:]), "dcba", strict=True):
            assert (await back.restore(agent, rig, at)).done
            assert (project / "same").read_text() == letter

    played(project, script, then)


def test_what_is_not_restored_is_named_beforehand_and_not_touched(project: Path) -> None:
    (project / ".gitignore").write_text("*.log\nbuild/\n")
    nested = project / "vendor"
    nested.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=nested, check=True)
    made = "mkdir build; echo x > build/out; echo x > a.log; echo x > vendor/file; mkfifo pipe; echo x > kept"

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        plan = await back.preview(agent, rig, checkpoints(home)[0])
        assert paths(plan) == ("kept",)
        named = [line.split(": ")[0] for line in plan.beyond]
        assert sorted(named) == ["a.log", "build/", "pipe", "vendor/"]
        done = await back.restore(agent, rig, checkpoints(home)[0])
        assert (done.restored, done.removed, done.beyond) == (("kept",), ("kept",), plan.beyond)
        assert (project / "build/out").exists()
        assert (project / "a.log").exists()
        assert (project / "vendor/file").exists()

    played(project, [bash(made), reply("Done.")], then)


@pytest.mark.parametrize("kind", ["no git", "below", "git later"])
def test_a_project_needs_no_git_of_its_own(project: Path, kind: str) -> None:
    place = project / "src" if kind == "below" else project
    if kind != "below":
        shutil.rmtree(project / ".git")
    command = "echo x > new; " + ("git init -q" if kind == "git later" else "true")

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        assert paths(await back.preview(agent, rig, checkpoints(home)[0])) == ("new",)
        assert (await back.restore(agent, rig, checkpoints(home)[0])).done
        assert not (place / "new").exists()
        assert (project / "src/hello.py").exists()

    played(place, [bash(command), reply("Done.")], then)


# --- what costs nothing, and what fails -----------------------------------------------------------------------------


def test_a_turn_that_only_reads_takes_no_snapshot_and_has_changed_nothing(project: Path) -> None:
    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        assert (await back.preview(agent, rig, checkpoints(home)[0])).unknown == ""
        assert await back.changed_since(agent, rig, checkpoints(home)[0]) == ()

    home = played(project, [reply(call("read", path="README.md")), reply("Read.")], then)
    assert home.bodies("main", Snapshot) == []


def test_a_snapshot_is_taken_for_each_checkpoint_that_follows_writing_and_none_for_reading(project: Path) -> None:
    read = reply(call("read", path="README.md"))

    async def then(_: Den) -> None: ...

    home = played(project, [read, bash("echo 1 > a"), read, read, bash("echo 2 > a"), reply("Done.")], then)
    told = [shot.of_seq for shot in home.bodies("main", Snapshot)]
    sealed = [entry.seq for entry in home.own("main") if isinstance(entry.body, Checkpoint)]
    assert told == [sealed[0], sealed[2], sealed[5]]


def test_where_no_snapshot_can_be_taken_it_is_said_once_and_the_turn_goes_on(project: Path) -> None:
    (project / ".fork").mkdir(mode=0o700)
    (project / ".fork/snapshots.git").write_text("in the way")

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        with pytest.raises(ForkError):
            await back.preview(agent, rig, checkpoints(home)[0])
        assert await back.changed_since(agent, rig, checkpoints(home)[0]) == ("b",)
        assert len([text for text in home.warnings if "cannot be taken back by a rewind" in text]) == 1

    script = [bash("echo 1 > a"), reply(call("write", path="b", content="b")), bash("cat a"), reply("Done.")]
    home = played(project, script, then)
    assert home.results()[-1].startswith("1")


def test_what_no_snapshot_tells_is_not_guessed(project: Path) -> None:
    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        plan = await back.preview(agent, rig, Seq(1))
        assert plan.unknown == UNKNOWN
        with pytest.raises(ForkError, match="cannot be restored"):
            await back.restore(agent, rig, Seq(1))

    async def lost(home: Den) -> None:
        """The snapshot of the first checkpoint was never recorded: as if the process had been killed before."""
        await home.close()
        path = home.folder / "agents/main/history.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"type":"snapshot"' not in line))
        home.open(home.folder.name)
        await then(home)

    with den(project, {"main": [bash("echo 1 > a"), reply("Done.")]}) as home:

        async def run() -> None:
            home.open()
            await home.turn()
            await lost(home)
            await home.close()

        asyncio.run(run())

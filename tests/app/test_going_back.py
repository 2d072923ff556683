"""The files of an agent as they were: noted at checkpoints, shown, brought back, and never over anybody's edits."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from fork_kit import Den, den

from forkcli.core.entries import Checkpoint, Snapshot
from forkcli.core.ids import Seq
from forkcli.models.scripted import Reply, call, reply


def bash(command: str) -> Reply:
    return reply(call("bash", command=command))


def checkpoints(home: Den) -> list[Seq]:
    assert home.session is not None
    return [entry.seq for entry in home.session.agent.history.entries if isinstance(entry.body, Checkpoint)]


def played(project: Path, script: list[Reply], then: Callable[[Den], Awaitable[None]]) -> Den:
    """A session that answers one prompt by `script`; then something is done with it."""

    async def run(home: Den) -> None:
        home.open()
        try:
            await home.turn()
            await then(home)
        finally:
            await home.close()

    with den(project, {"main": script}) as home:
        asyncio.run(run(home))
        home.sound()
        return home


def test_what_commands_did_is_shown_and_undone_and_the_undoing_is_undone(project: Path) -> None:
    script = [
        bash("echo one > one.txt; rm README.md"),
        bash("echo two >> one.txt; chmod +x src/hello.py"),
        reply("Done."),
    ]

    async def then(home: Den) -> None:
        session = home.session
        assert session is not None
        back, agent, rig = session.going_back, session.agent, session.rig
        first, second, _ = checkpoints(home)
        plan = await back.preview(agent, rig, first)
        assert [(change.path, change.since, change.yours) for change in plan.changes] == [
            ("README.md", "deleted", False),
            ("one.txt", "added", False),
            ("src/hello.py", "modified", False),
        ]
        head = agent.history.entries[-1].seq
        done = await back.restore(agent, rig, first)
        assert done.done
        assert done.restored == ("README.md", "one.txt", "src/hello.py")
        assert (project / "README.md").exists()
        assert not (project / "one.txt").exists()
        assert not (project / "src/hello.py").stat().st_mode & 0o111
        assert (await back.restore(agent, rig, second)).done
        assert (project / "one.txt").read_text() == "one\n"
        assert (await back.restore(agent, rig, head)).done
        assert (project / "one.txt").read_text() == "one\ntwo\n"
        assert (project / "src/hello.py").stat().st_mode & 0o111

    played(project, script, then)


def test_a_turn_that_only_reads_takes_no_snapshot(project: Path) -> None:
    async def then(home: Den) -> None:
        assert home.session is not None
        assert await home.session.going_back.changed_since(home.session.agent, home.session.rig, Seq(3)) == ()

    home = played(project, [reply(call("read", path="README.md")), reply("Read.")], then)
    assert home.bodies("main", Snapshot) == []


def test_what_the_user_changed_is_named_and_kept_unless_told_otherwise(project: Path) -> None:
    script = [bash("echo agent > mine.txt; echo agent > both.txt; echo agent > its.txt"), reply("Done.")]

    async def then(home: Den) -> None:
        session = home.session
        assert session is not None
        back, agent, rig = session.going_back, session.agent, session.rig
        await asyncio.gather(*session.merging.taking)
        first = checkpoints(home)[0]
        (project / "both.txt").write_text("user\n")
        (project / "README.md").write_text("user\n")
        plan = await back.preview(agent, rig, first)
        assert plan.yours == ("README.md", "both.txt")
        stopped = await back.restore(agent, rig, first, "stop")
        assert not stopped.done
        assert [conflict.path for conflict in stopped.conflicts] == ["README.md", "both.txt"]
        assert (project / "its.txt").exists()
        kept = await back.restore(agent, rig, first, "keep")
        assert kept.done
        assert [one.path for one in kept.kept] == ["README.md", "both.txt"]
        assert (project / "both.txt").read_text() == "user\n"
        assert not (project / "its.txt").exists()
        replaced = await back.restore(agent, rig, first, "replace")
        assert replaced.done
        assert not (project / "both.txt").exists()
        assert (project / "README.md").read_text() != "user\n"
        assert (await back.restore(agent, rig, replaced.before)).done
        assert (project / "both.txt").read_text() == "user\n"

    played(project, script, then)

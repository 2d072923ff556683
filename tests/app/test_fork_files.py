"""The files of forks through a whole session: kept apart, brought back, gone on with, never over anybody's edits."""

import asyncio
import subprocess
from pathlib import Path

from fork_kit import den, forks

from forkcli.app.asking import prompt_entry
from forkcli.app.family import fork_conversation, go
from forkcli.core.entries import Merge, Notice, Snapshot
from forkcli.core.messages import Json
from forkcli.engine.loop import prompt_turn
from forkcli.models.scripted import Reply, call, reply
from forkcli.workspace.overlay_probe import forget_overlay, why_no_overlay


def git(project: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=True).stdout


def race(*tasks: str) -> Reply:
    return reply(call("fork", tasks=[{"task": task} for task in tasks], merge="none"))


def does(command: str) -> list[Reply]:
    return [reply(call("bash", command=command)), reply("Did it.")]


def test_forks_change_their_own_copies_at_once_and_the_changes_come_back(project: Path) -> None:
    script = {
        "main": [reply(forks("one", "two")), reply("Done.")],
        "f1": does("pwd; echo one > one.txt; test ! -e two.txt && echo alone; git commit -qam mine; rm -rf src"),
        "f2": does("echo two > two.txt; ls src; git stash list"),
    }
    before = git(project, "log", "--oneline")
    with den(project, script) as home:
        assert home.ask().status == "done"
        assert str(project) in home.results("f1")[-1]
        assert "alone" in home.results("f1")[-1]
        assert "hello.py" in home.results("f2")[-1]
        assert (project / "one.txt").read_text() == "one\n"
        assert (project / "two.txt").read_text() == "two\n"
        assert not (project / "src").exists()
        assert git(project, "log", "--oneline") == before
        assert [merge.outcome for merge in home.bodies("main", Merge)] == ["merged", "merged"]
        home.sound()


async def test_a_forks_first_request_goes_before_its_parents_files_are_noted_and_its_first_write_after(
    project: Path,
) -> None:
    noted: list[int] = []

    def writes(_request: Json, step: int) -> Reply:
        noted.append(len(home.bodies("main", Snapshot)))
        return [reply(call("read", path="README.md")), *does("echo new > README.md")][step]

    with den(project, {"main": [reply(forks("one")), reply("Done.")], "f1": writes}) as home:
        home.open().merging.put_off_s = 60
        assert (await home.turn("go")).status == "done"
        await home.close()
        assert noted == [0, 0, 1]
        assert (project / "README.md").read_text() == "new\n"
        assert [merge.outcome for merge in home.bodies("main", Merge)] == ["merged"]
        home.sound()


async def test_what_files_forks_can_have_is_found_out_when_a_turn_begins(project: Path) -> None:
    with den(project, {"main": [reply("No fork was needed.")]}) as home:
        session = home.open()
        forget_overlay()
        nothing_found = {"PATH": str(project)}
        assert why_no_overlay(home.folder, nothing_found)
        forget_overlay()
        await home.turn()
        await asyncio.gather(*session.merging.taking)
        assert why_no_overlay(home.folder, nothing_found) == ""
        await home.close()
        assert list(home.folder.rglob(".probe*")) == []


def test_two_forks_that_edit_the_same_line_conflict_and_both_versions_can_be_read(project: Path) -> None:
    script = {
        "main": [reply(forks("one", "two")), reply("Done.")],
        "f1": does("echo 'one wins' > README.md"),
        "f2": does("echo 'two wins' > README.md; echo extra > extra.txt"),
    }
    with den(project, script) as home:
        home.ask()
        assert (project / "README.md").read_text() == "one wins\n"
        assert not (project / "extra.txt").exists()  # all of a child's files, or none
        merged, conflict = home.bodies("main", Merge)
        assert (merged.outcome, conflict.outcome, conflict.paths) == ("merged", "conflict", ("README.md",))
        where = project / conflict.where
        assert (where / "f2" / "README.md").read_text() == "two wins\n"
        assert (where / "here" / "README.md").read_text() == "one wins\n"
        assert conflict.where in home.results()[-1]


def test_what_the_user_edits_meanwhile_is_merged_with_and_never_overwritten(project: Path) -> None:
    (project / "lines.txt").write_text("".join(f"line {n}\n" for n in range(20)))
    edits = "sed -i 's/line 2$/by the fork/' lines.txt; echo fork > taken.txt"

    def child(_request: object, step: int) -> Reply:
        if step == 1:
            lines = (project / "lines.txt").read_text()
            (project / "lines.txt").write_text(lines.replace("line 17", "by the user"))
        return does(edits)[step]

    with den(project, {"main": [reply(forks("one")), reply("Done.")], "f1": child}) as home:
        home.ask()
        text = (project / "lines.txt").read_text()
        assert "by the fork" in text
        assert "by the user" in text

    def late(_request: object, step: int) -> Reply:
        if step == 1:
            (project / "taken.txt").write_text("mine\n")
        return does("echo theirs > taken.txt")[step]

    with den(project, {"main": [reply(forks("one")), reply("Done.")], "f1": late}) as home:
        home.ask()
        assert (project / "taken.txt").read_text() == "mine\n"
        assert home.bodies("main", Merge)[-1].outcome == "conflict"


def test_the_winner_of_a_race_is_picked_and_the_others_keep_their_files(project: Path) -> None:
    script = {
        "main": [race("one", "two"), reply(call("merge", agent="f2")), reply("Done.")],
        "f1": does("echo one > answer.txt"),
        "f2": does("echo two > answer.txt"),
    }
    with den(project, script) as home:
        home.ask()
        assert (project / "answer.txt").read_text() == "two\n"
        assert [m.outcome for m in home.bodies("main", Merge)] == ["kept", "kept", "merged"]
        home.sound()


def test_a_fork_that_is_gone_on_with_finds_its_files_and_they_are_merged_as_they_are_then(project: Path) -> None:
    script = {
        "main": [race("one"), reply("Done.")],
        "f1": [*does("echo one > mine.txt"), *does("cat mine.txt; echo more >> mine.txt")],
    }

    async def run() -> None:
        session = home.open()
        try:
            await home.turn()
            main = (session.agent, session.rig)
            assert not (project / "mine.txt").exists()
            await asyncio.to_thread(go, session, "f1")
            await home.turn("and more")
            session.focus(*main)
            merge = await session.merge("f1")
            assert (merge.outcome, merge.paths) == ("merged", ("mine.txt",))
        finally:
            await home.close()

    with den(project, script) as home:
        asyncio.run(run())
        assert "one" in home.results("f1")[-1]
        assert (project / "mine.txt").read_text() == "one\nmore\n"
        home.sound()


def test_a_fork_whose_files_were_brought_back_works_in_its_parents_and_is_told_so_once(project: Path) -> None:
    script = {
        "main": [reply(forks("one")), reply("Done.")],
        "f1": [*does("echo one > mine.txt"), *does("echo more >> mine.txt"), reply("Again.")],
    }

    async def run() -> None:
        session = home.open()
        try:
            await home.turn()
            await asyncio.to_thread(go, session, "f1")
            for text in ("and more", "and again"):
                await prompt_turn(session.agent, session.rig, prompt_entry(session, text, None, "argument"))
        finally:
            await home.close()

    with den(project, script) as home:
        asyncio.run(run())
        assert (project / "mine.txt").read_text() == "one\nmore\n"
        told = [body.text for body in home.bodies("f1", Notice) if "brought back" in body.text]
        assert len(told) == 1
        assert "the project itself" in told[0]
        home.sound()


def test_a_fork_from_an_earlier_checkpoint_knows_only_what_came_before_it(project: Path) -> None:
    script = {"main": [reply("First."), reply("Second.")], "f1": [reply("From there.")]}

    async def run() -> None:
        session = home.open()
        try:
            await home.turn("one")
            await home.turn("two")
            checkpoint = next(entry.seq for entry in home.own("main") if entry.body.TYPE == "checkpoint")
            fork_conversation(session, checkpoint)
            await home.turn("another way")
        finally:
            await home.close()

    with den(project, script) as home:
        asyncio.run(run())
        (request,) = home.requests("f1") or home.server.requests[-1:]
        said = str(request.body["messages"])
        assert "another way" in said
        assert "Second." not in said
        assert len(home.bodies("main")) == len(set(map(id, home.bodies("main"))))
        home.sound()

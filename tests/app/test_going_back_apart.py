"""Going back among others: what the user did meanwhile is never lost, and a fork goes back in its own files alone."""

import asyncio
import re
from pathlib import Path

from back_kit import bash, checkpoints, noted, parts, paths, played, yours
from fork_kit import Den, forks, newest

from forkcli.app.family import go
from forkcli.core.entries import Merge, Snapshot
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply
from forkcli.workspace.base import ForkWorkspace

# --- what the user does meanwhile -----------------------------------------------------------------------------------


def test_what_the_user_changed_is_named_and_kept_unless_told_otherwise(project: Path) -> None:
    script = [bash("echo agent > both.txt; echo agent > its.txt"), reply("Done.")]

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        first = checkpoints(home)[0]
        (project / "both.txt").write_text("user\n")
        (project / "README.md").write_text("user\n")
        plan = await back.preview(agent, rig, first)
        assert yours(plan) == ("README.md", "both.txt")
        stopped = await back.restore(agent, rig, first, "stop")
        assert not stopped.done
        assert [conflict.path for conflict in stopped.conflicts] == ["README.md", "both.txt"]
        assert (project / "its.txt").exists()
        kept = await back.restore(agent, rig, first, "keep")
        assert (kept.done, [one.path for one in kept.kept]) == (True, ["README.md", "both.txt"])
        assert (project / "both.txt").read_text() == "user\n"
        assert not (project / "its.txt").exists()
        replaced = await back.restore(agent, rig, first, "replace")
        assert replaced.done
        assert not (project / "both.txt").exists()
        assert (project / "README.md").read_text() != "user\n"
        assert (await back.restore(agent, rig, replaced.before)).done
        assert (project / "both.txt").read_text() == "user\n"

    played(project, script, then)


def test_what_the_user_changed_between_turns_and_the_agent_wrote_over_is_known(project: Path) -> None:
    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        first = checkpoints(home)[0]
        (project / "shared").write_text("user\n")
        await home.turn("more")
        await noted(home)
        plan = await back.preview(agent, rig, first)
        assert (paths(plan), yours(plan)) == (("a", "b", "shared"), ("shared",))
        second = checkpoints(home)[2]
        assert yours(await back.preview(agent, rig, second)) == ()
        assert (await back.restore(agent, rig, second)).done
        assert (project / "shared").read_text() == "user\n"
        assert not (project / "b").exists()

    script = [
        bash("echo a > a; echo agent > shared"),
        reply("One."),
        bash("echo b > b; echo both >> shared"),
        reply("Two."),
    ]
    played(project, script, then)


def test_a_file_of_the_users_in_a_folder_that_becomes_a_file_again_is_not_lost(project: Path) -> None:
    (project / "thing").write_text("file\n")

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        (project / "thing/mine").write_text("user\n")
        kept = await back.restore(agent, rig, checkpoints(home)[0], "keep")
        assert kept.done
        assert (project / "thing/mine").read_text() == "user\n"
        assert {one.path for one in kept.kept} == {"thing", "thing/mine"}
        assert not (project / "thing/its").exists()

    played(project, [bash("rm thing; mkdir thing; echo x > thing/its"), reply("Done.")], then)


def test_a_background_job_is_told_apart_from_the_agent_s_calls(project: Path) -> None:
    job = reply(
        call("bash", command="while ! test -e go; do sleep 0.05; done; echo job > made; sleep 9", background=True)
    )

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        (project / "go").write_text("")
        while not (project / "made").exists():
            await asyncio.sleep(0.02)
        plan = await back.preview(agent, rig, checkpoints(home)[-1])
        assert (yours(plan), plan.jobs) == (("go", "made"), True)
        stopped = await back.restore(agent, rig, checkpoints(home)[-1])
        assert {one.why for one in stopped.conflicts} == {"you or a background job changed it meanwhile"}

    played(project, [job, reply("It runs.")], then)


# --- forks ------------------------------------------------------------------------------------------------------------


def test_a_fork_goes_back_in_its_own_files_alone(project: Path) -> None:
    plan = {
        "main": [reply(forks("one", merge="none")), reply("Done.")],
        "f1": [bash("echo 1 > one; rm README.md"), bash("echo 2 > two"), reply("Did it.")],
    }

    async def then(home: Den) -> None:
        assert home.session is not None
        go(home.session, "f1")
        back, agent, rig = parts(home)
        first, second, last = checkpoints(home)
        assert paths(await back.preview(agent, rig, first)) == ("README.md", "one", "two")
        assert await back.changed_since(agent, rig, last) == ()
        assert (await back.restore(agent, rig, second)).restored == ("two",)
        assert not rig.workspace.listdir(".").count("two")
        assert rig.workspace.read("one", 10) == b"1\n"
        assert (await back.restore(agent, rig, first)).done
        assert "README.md" in rig.workspace.listdir(".")
        assert sorted(path.name for path in project.iterdir() if not path.name.startswith(".")) == ["README.md", "src"]

    played(project, plan, then)


def test_a_fork_in_the_background_goes_back_in_its_checkout_alone(project: Path) -> None:
    (project / ".gitignore").write_text("build/\n")
    (project / "build").mkdir()
    (project / "build/out").write_text("old\n")
    script = {
        "main": [reply(forks("one", wait=False, merge="none")), bash("echo main > main.txt"), *[reply("Done.")] * 2],
        "f1": [
            bash("echo 1 > one; rm README.md; chmod +x src/hello.py; echo new > build/out"),
            bash("echo 2 > two"),
            reply("Did it."),
        ],
    }

    async def then(home: Den) -> None:
        assert home.session is not None
        go(home.session, "f1")
        back, agent, rig = parts(home)
        assert isinstance(rig.workspace, ForkWorkspace)
        assert rig.workspace.kind == "worktree"
        first, second, _ = checkpoints(home)
        plan = await back.preview(agent, rig, first)
        assert (paths(plan), yours(plan)) == (("README.md", "one", "src/hello.py", "two"), ())
        assert "build/: ignored by git" in plan.beyond
        head = agent.history.entries[-1].seq
        assert (await back.restore(agent, rig, second)).restored == ("two",)
        assert (await back.restore(agent, rig, first)).done
        assert rig.workspace.stat("README.md").kind == "file"
        assert rig.workspace.stat("one").kind == "absent"
        assert rig.workspace.read("build/out", 10) == b"new\n"
        assert (await back.restore(agent, rig, head)).done
        assert rig.workspace.read("two", 10) == b"2\n"
        assert rig.workspace.stat("README.md").kind == "absent"
        assert (project / "README.md").exists()
        assert (project / "main.txt").read_text() == "main\n"
        assert (project / "build/out").read_text() == "old\n"
        assert not (project / "one").exists()

    played(project, script, then)


def test_a_fork_in_the_background_that_goes_back_itself_brings_only_what_it_then_has(project: Path) -> None:
    def wanders(request: Json, step: int) -> Reply:
        if step == 0:
            return bash("echo wrong > wrong.txt; echo spoilt > README.md")
        if "The wrong way." not in newest(request):
            start = re.findall(r'<checkpoint n="(\d+)"', str(request["messages"]))[-2]
            return reply(call("rewind", to=int(start), report="The wrong way.", files="restore"))
        return reply("Went back.")

    def again(request: Json, step: int) -> Reply:
        if "The wrong way." in newest(request):
            return bash("test -e wrong.txt || cat README.md > right.txt")
        return reply("Did it.") if "right.txt" in str(request["messages"]) else wanders(request, step)

    async def then(home: Den) -> None:
        assert (project / "right.txt").read_text() == (project / "README.md").read_text() != "spoilt\n"
        assert not (project / "wrong.txt").exists()
        (merge,) = home.bodies("main", Merge)
        assert (merge.outcome, merge.paths) == ("merged", ("right.txt",))

    script = {"main": [reply(forks("one", wait=False)), *[reply("Done.")] * 3], "f1": again}
    played(project, script, then)


def test_a_merge_is_undone_like_anything_else(project: Path) -> None:
    plan = {
        "main": [reply(forks("one")), reply("Done.")],
        "f1": [bash("echo 1 > one; rm README.md"), reply("Did it.")],
    }

    async def then(home: Den) -> None:
        back, agent, rig = parts(home)
        assert (project / "one").exists()
        first = checkpoints(home)[0]
        plan = await back.preview(agent, rig, first)
        assert (paths(plan), yours(plan)) == (("README.md", "one"), ())
        assert (await back.restore(agent, rig, first)).done
        assert (project / "README.md").exists()
        assert not (project / "one").exists()

    played(project, plan, then)


def test_a_fork_that_only_reads_restores_nothing(project: Path) -> None:
    task = {"task": "look", "access": "read"}
    plan = {"main": [bash("echo 1 > a"), reply(forks(task)), reply("Done.")], "f1": [bash("cat a"), reply("Seen.")]}

    async def then(home: Den) -> None:
        assert home.session is not None
        found = home.own("f1")
        assert [entry for entry in found if isinstance(entry.body, Snapshot)] == []

    played(project, plan, then)

"""Going back among others: what the user did meanwhile is never lost, and a fork goes back in its own files alone."""

import asyncio
from pathlib import Path

from back_kit import bash, checkpoints, noted, parts, paths, played, yours
from fork_kit import Den, forks

from forkcli.app.family import go
from forkcli.core.entries import Snapshot
from forkcli.models.scripted import call, reply

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
        assert {one.why for one in plan.in_the_way} == {"you or a background job changed it meanwhile"}

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

"""Forks that their parent does not wait for, and forks of the user's."""

import asyncio
from itertools import pairwise
from pathlib import Path

from fork_kit import Den, answers, block_text, den, forks, newest, reports, until, whose

from forkcli.core.entries import Merge, Report
from forkcli.core.messages import Json
from forkcli.core.views import state_of
from forkcli.engine.ports import ForkOrder, Task
from forkcli.models.scripted import Reply, call, reply


def test_a_parent_that_does_not_wait_goes_on_and_gets_each_report_as_a_message(project: Path) -> None:
    def main(request: Json, step: int) -> Reply:
        return reply(forks("a", "b", wait=False)) if step == 0 else reply(f"at step {step}")

    with den(project, {"main": main}) as home:
        assert home.ask().status == "done"
        assert home.results()[0].startswith("Started: f1, f2.")
        said = str([request.body["messages"] for request in home.requests("main")][-1])
        for name in ("f1", "f2"):
            assert said.count(f'<message from=\\"{name}\\">') + said.count(f'<message from="{name}">') == 1
            assert f"{name} is done." in said
        assert "[done, 1 step," in said
        home.sound()


def test_a_turn_does_not_end_while_forks_work_in_the_background_and_steering_still_arrives(project: Path) -> None:
    free = asyncio.Event()

    async def script(request: Json) -> Reply:
        if whose(request) == "main":
            return reply(forks("a", wait=False)) if answers(request) == 0 else reply(f"heard {newest(request)[:60]}")
        while not free.is_set():
            await asyncio.sleep(0.01)
        return reply("f1 is done.")

    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(home.requests("main")) == 2)
        await asyncio.sleep(0.1)
        assert not turn.done()
        (session.files.folder / "inbox").mkdir(exist_ok=True)
        (session.files.folder / "inbox/1-user.md").write_text("are you there?")
        await until(lambda: len(home.requests("main")) == 3)
        assert "are you there?" in newest(home.requests("main")[-1].body)
        free.set()
        assert (await turn).status == "done"
        await home.close()

    with den(project, script) as home:
        asyncio.run(run(home))
        assert len(home.requests("main")) == 4
        home.sound()


def test_a_report_that_comes_while_the_parent_is_answering_waits_for_its_next_step(project: Path) -> None:
    async def script(request: Json) -> Reply:
        if whose(request) != "main":
            return reply("quick")
        step = answers(request)
        if step == 1:
            while not home.bodies("main", Report):
                await asyncio.sleep(0.01)
        return reply(forks("a", wait=False)) if step == 0 else reply(f"answer {step}")

    with den(project, script) as home:
        assert home.ask().status == "done"
        sent = [request.body["messages"] for request in home.requests("main")]
        for earlier, later in pairwise(sent):
            assert [m["role"] for m in later][: len(earlier)] == [m["role"] for m in earlier]
        assert "quick" not in str(sent[1])
        assert "quick" in str(sent[2][-1])
        home.sound()


def test_with_one_place_a_fork_that_does_not_wait_for_its_own_still_ends(project: Path) -> None:
    def outer(_request: Json, step: int) -> Reply:
        return reply(forks("inner", wait=False)) if step == 0 else reply("outer")

    with den(project, {"main": [reply(forks("a")), reply("Done.")], "f1": outer}, parallel=1) as home:
        assert home.ask().status == "done"
        assert reports(home, "f1")["f2"].status == "done"
        home.sound()


def test_a_fork_in_the_background_merges_what_its_own_forks_changed(project: Path) -> None:
    edits = "echo inner > README.md; rm src/hello.py; mkdir made; echo new > made/new"
    script = {
        "main": [reply(forks("outer", wait=False)), *[reply("Done.")] * 2],
        "f1": [reply(forks("inner")), reply(call("bash", command="cat README.md made/new; ls src")), reply("Seen.")],
        "f2": [reply(call("bash", command=edits)), reply("Did it.")],
    }
    with den(project, script) as home:
        assert home.ask().status == "done"
        assert [merge.outcome for merge in home.bodies("f1", Merge)] == ["merged"], home.results("f1")
        assert home.results("f1")[-1].startswith("inner\nnew\n")
        assert "hello.py" not in home.results("f1")[-1]
        assert [merge.outcome for merge in home.bodies("main", Merge)] == ["merged"]
        assert (project / "README.md").read_text() == "inner\n"
        assert (project / "made/new").read_text() == "new\n"
        assert not (project / "src/hello.py").exists()
        home.sound()


def test_a_fork_by_the_user_is_taken_while_the_parent_runs_a_command(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.session and home.session.agent.history.open_calls)
        await session.fleet.order(session.agent, session.rig, None, order("look around"))
        (project / "go").touch()
        assert (await turn).status == "done"
        await home.close()

    waits = call("bash", command="until test -e go; do sleep 0.02; done; echo slept")
    slow = reply(call("read", path="README.md"), waits)
    with den(project, {"main": [slow, reply("one"), reply("two"), reply("three")]}) as home:
        asyncio.run(run(home))
        told = newest(home.requests("f1")[0].body)
        assert "[still running in main; its result comes to main alone]" in told
        assert "slept" not in told
        assert told.rstrip().split("\n\n")[-2].endswith("Your task, f1:\nlook around")
        assert "f1 is done." in str(home.requests("main")[-1].body["messages"])
        home.sound()


def test_a_fork_by_the_user_is_taken_while_the_parent_is_being_answered(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn("the question"))
        await until(lambda: home.server.requests)
        await session.fleet.order(session.agent, session.rig, None, order("look around"))
        free.set()
        assert (await turn).status == "done"
        await home.close()

    free = asyncio.Event()

    async def script(request: Json) -> Reply:
        if whose(request) != "main":
            return reply("f1 is done.")
        while not free.is_set():
            await asyncio.sleep(0.01)
        return reply("slow") if answers(request) == 0 else reply("two")

    with den(project, script) as home:
        asyncio.run(run(home))
        sent = home.requests("f1")[0].body["messages"]
        assert [message["role"] for message in sent] == ["user", "user"]
        assert "slow" not in str(sent)
        home.sound()


def test_a_report_to_an_idle_parent_waits_for_its_next_prompt(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        await home.turn("first")
        await session.fleet.order(session.agent, session.rig, None, order("look around"))
        await until(lambda: home.bodies("main", Report))
        await asyncio.sleep(0.1)
        assert len(home.requests("main")) == 1
        assert [state_of(session.agent.history, held=held) for held in (True, False)] == ["idle", "done"]
        await home.turn("second")
        await home.close()

    with den(project, {"main": [reply("one"), reply("two")]}) as home:
        asyncio.run(run(home))
        last = home.requests("main")[-1].body["messages"][-1]["content"]
        assert [text.split("\n")[0] for text in map(block_text, last)] == ['<message from="f1">', "second"]
        home.sound()


def order(task: str) -> ForkOrder:
    return ForkOrder((Task(task),), wait=False)

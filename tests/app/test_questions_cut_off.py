"""Questions that are stopped, cut off by a crash, or put to those who do not work any more."""

import asyncio
from pathlib import Path

import pytest
from fork_kit import Den, answers, den, forks, until, whose
from question_kit import ask, is_answering, said, script, sends

from forkcli.core.asked import Asked
from forkcli.core.entries import Prompt, ToolStart
from forkcli.core.ids import AgentId
from forkcli.core.messages import Json, text_of
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, call, reply


def test_a_stretch_that_was_left_behind_by_a_rewind_is_asked_and_knows_what_it_did(project: Path) -> None:
    plan = iter([
        reply(call("bash", command="echo a secret of the first try")),
        reply(call("rewind", to=3, report="It is no good.")),
        reply(ask("f1", "why is it no good?")),
        reply("Now I know."),
    ])  # fmt: skip
    with den(project, lambda request: reply("Because of f.") if is_answering(request) else next(plan)) as home:
        assert home.ask().status == "done"
        assert home.line_one("f1").kind == "abandoned"
        assert said(home, "main") == ["Because of f."]
        (request,) = home.requests("f2")
        assert "a secret of the first try" in str(request.body["messages"])
        assert home.bodies("f1", Asked)[-1].answer == "Because of f."
        home.sound()


def test_an_agent_that_was_killed_at_work_is_asked_from_another_process(project: Path) -> None:
    slow = [True]

    def plan(request: Json) -> Reply:
        if is_answering(request):
            return reply("I was about to look.")
        if whose(request) == "f1":
            return reply(call("bash", command="sleep 60")) if slow[0] else reply("a is done.")
        return [reply(forks("a")), reply("ok")][answers(request)]

    async def crash(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: (home.folder / "agents/f1/history.jsonl").exists() and home.bodies("f1", ToolStart))
        await home.stop(turn, "signal")
        await home.close()

    async def ask_it(home: Den) -> None:
        session = home.open(home.folder.name)
        _, answer = await session.answering.ask(AgentId("f1"), "what are you at?")
        assert answer == "I was about to look."
        await home.close()

    with den(project, plan) as home:
        asyncio.run(crash(home))
        before = len(home.requests("f1"))
        asyncio.run(ask_it(home))
        assert len(home.requests("f1")) == before
        slow[0] = False
        assert home.resume().status == "done"
        home.sound()


def test_a_question_that_is_stopped_is_answered_as_interrupted_and_its_fork_stops(project: Path) -> None:
    def plan(request: Json) -> Reply:
        if is_answering(request):
            return Reply([], delay_s=60)
        if whose(request) == "f1":
            return reply("a is done.")
        return [reply(forks("a")), reply(ask("f1")), reply("ok")][answers(request)]

    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.requests("f2"))
        end = await home.stop(turn, "user")
        assert end.status == "interrupted"
        assert home.session is not None
        assert not home.session.answering.tasks
        await home.close()

    with den(project, plan) as home:
        asyncio.run(run(home))
        (result,) = sends(home, "main")
        assert "interrupted" in text_of(result.content)
        home.sound()


def test_a_question_cut_off_by_a_crash_is_asked_again_and_its_fork_goes_on(project: Path) -> None:
    slow = [True]

    def plan(request: Json) -> Reply:
        if is_answering(request):
            return Reply([], delay_s=60) if slow[0] else reply("the answer")
        if whose(request) == "f1":
            return reply("a is done.")
        return [reply(forks("a")), reply(ask("f1")), reply("ok")][answers(request)]

    async def crash(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.requests("f2"))
        await home.stop(turn, "signal")
        await home.close()

    with den(project, plan) as home:
        asyncio.run(crash(home))
        slow[0] = False
        assert home.resume().status == "done"
        assert home.agents == ["f1", "f2", "main"]
        assert [body.text for body in home.bodies("f2", Prompt)] == ["what do you know?"]
        home.sound()


def test_a_call_of_a_question_has_no_start_since_it_may_be_made_again(project: Path) -> None:
    plans = {"main": [reply(forks("a")), reply(ask("f1"), call("send", to="f1", text="hello")), reply("ok")]}
    with den(project, script(plans)) as home:
        home.ask()
        assert [body.name for body in home.bodies("main", ToolStart)] == ["send"]


def test_an_answer_that_was_given_before_a_crash_is_not_asked_for_again(project: Path) -> None:
    plans = {"main": [reply(forks("a")), reply(ask("f1")), reply("ok")]}

    async def again(home: Den) -> str:
        session = home.open(home.folder.name)
        (question,) = [r.call for r in home.bodies("f1", Asked) if r.answer is None]
        asked = len(home.server.requests)
        _, answer = await session.answering.ask(AgentId("f1"), "what do you know?", asker=session.agent, call=question)
        assert len(home.server.requests) == asked
        await home.close()
        return answer

    with den(project, script(plans)) as home:
        home.ask()
        assert asyncio.run(again(home)) == "the answer of f2, question 1"


def test_the_person_asks_an_agent_that_works_and_it_never_knows(project: Path) -> None:
    free = asyncio.Event()

    async def plan(request: Json) -> Reply:
        if is_answering(request):
            return reply(f"{whose(request)} says: nearly there")
        while not free.is_set():
            await asyncio.sleep(0.01)
        return reply("main is done.")

    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.requests("main"))
        first = await session.answering.ask(AgentId("main"), "how far?")
        second = await session.answering.ask(AgentId("main"), "how far?")
        assert (first, second) == (("f1", "f1 says: nearly there"), ("f2", "f2 says: nearly there"))
        free.set()
        assert (await turn).status == "done"
        await home.close()

    with den(project, plan) as home:
        asyncio.run(run(home))
        assert len(home.requests("main")) == 1
        assert home.line_one("f1").answers == "user"
        assert [record.answer for record in home.bodies("main", Asked)] == [
            None, "f1 says: nearly there", None, "f2 says: nearly there",
        ]  # fmt: skip
        home.sound()


async def test_asking_who_has_no_history_says_so(project: Path) -> None:
    with den(project, {}) as home:
        session = home.open()
        with pytest.raises(ForkError):
            await session.answering.ask(AgentId("f7"), "who are you?")
        await home.close()

"""The interview of a spawned agent: who answers, how often, and that it never costs the parent's context anything."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from fork_kit import Den, answers, den, newest, past, reports, spawns, until, whose

from forkcli.core.asked import Asked
from forkcli.core.entries import Message, Prompt, ToolResult
from forkcli.core.ids import AgentId
from forkcli.core.interview import MOST_ROUNDS
from forkcli.core.messages import Json, text_of
from forkcli.engine.agent import Stop
from forkcli.models.scripted import Reply, call, fail, reply

LONG = "The quick brown fox jumps over the lazy dog. " * 400


def ask(text: str = "why?", to: str = "parent") -> Json:
    return call("send", to=to, text=text, wait=True)


def answering(request: Json) -> bool:
    return "made only to answer a question" in str(request["messages"])


def script(plans: dict[str, list[Reply]]) -> Callable[[Json], Reply]:
    """Plans for agents by their own steps; forks that answer say how often they were asked."""

    def answered(request: Json) -> Reply:
        name = whose(request)
        if answering(request):
            return reply(f"because of {str(request['messages']).count('<message from=')}")
        step = answers(request) - past(request, name)
        plan = plans.get(name, [])
        return plan[step] if step < len(plan) else reply(f"{name} is done.")

    return answered


def said(home: Den, agent: str) -> list[str]:
    return [text_of(body.content) for body in home.bodies(agent, ToolResult) if body.name == "send"]


# --- a fork of the parent answers -------------------------------------------------------------------------------------


def test_a_fork_of_the_parent_answers_and_neither_question_nor_answer_reaches_the_parents_context(
    project: Path,
) -> None:
    plans = {"main": [reply(spawns("a"))], "s1": [reply(ask("why so?")), reply(ask("and then?")), reply("Ready.")]}
    with den(project, script(plans)) as home:
        assert home.ask(LONG).status == "done"
        assert said(home, "s1") == ["because of 1", "because of 2"]
        assert {record.agent for record in home.bodies("main", Asked)} == {"f2"}
        told = str([request.body for request in home.requests("main")])
        assert "why so?" not in told
        assert "because of" not in told
        first = home.requests("f2")[0].usage or {}
        assert int(first["cache_read_input_tokens"]) > 4000
        home.sound()


def test_a_sixth_question_is_an_error_that_says_to_get_ready(project: Path) -> None:
    plans = {"main": [reply(spawns("a"))], "s1": [*(reply(ask(f"{n}?")) for n in range(7)), reply("Ready.")]}
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        told = said(home, "s1")
        assert [text.startswith("because") for text in told] == [True] * MOST_ROUNDS + [False, False]
        assert "get ready now and end your turn" in told[-1]
        assert reports(home)["s1"].status == "done"
        home.sound()


def test_an_agent_that_is_onboarded_for_many_asks_once_for_all_and_each_worker_has_the_answer(project: Path) -> None:
    plans = {"main": [reply(spawns("a", "b", "c"))], "s1": [reply(ask("why so?")), reply("Ready.")]}
    with den(project, script(plans), parallel=1) as home:
        assert home.ask().status == "done"
        for name in ("f2", "f3", "f4"):
            assert "because of 1" in str(home.requests(name)[0].body["messages"])
        assert len(home.bodies("main", Asked)) == 2  # the question, and its answer
        home.sound()


def test_at_work_a_worker_may_ask_the_agent_that_spawned_as_often_as_it_needs(project: Path) -> None:
    more = [reply(ask(f"{n}?")) for n in range(MOST_ROUNDS + 1)]
    plans = {"main": [reply(spawns("a", "b"))], "s1": [reply("Ready.")], "f2": more}
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        assert said(home, "f2") == [f"because of {n + 1}" for n in range(MOST_ROUNDS + 1)]
        assert {record.by for record in home.bodies("main", Asked)} == {"f2"}  # and not the one it was forked from
        home.sound()


def test_without_an_interview_a_question_is_refused(project: Path) -> None:
    plans = {"main": [reply(spawns("a", interview="none"))], "s1": [reply(ask()), reply("I assumed.")]}
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        assert "Nobody answers questions here" in said(home, "s1")[0]
        assert home.bodies("main", Asked) == []
        home.sound()


def test_a_question_that_could_not_be_answered_is_an_error_and_the_interview_goes_on(project: Path) -> None:
    inner = script({"main": [reply(spawns("a"))], "s1": [reply(ask()), reply("Ready all the same.")]})

    def broken(request: Json) -> Reply:
        return fail("status", 400) if answering(request) else inner(request)

    with den(project, broken) as home:
        assert home.ask().status == "done"
        assert "could not" in said(home, "s1")[0]
        assert reports(home)["s1"].status == "done"


# --- the parent answers -----------------------------------------------------------------------------------------------


def test_the_parent_itself_answers_each_question_by_a_message_and_the_report_is_a_message_too(project: Path) -> None:
    plans = {
        "main": [
            reply(spawns("a", interview="self")),
            reply(call("send", to="s1", text="since we said so")), reply("I wait."),
            reply(call("send", to="s1", text="then stop")), reply("I wait."),
            reply("All done."),
        ],
        "s1": [reply(ask("why so?")), reply(ask("and then?")), reply("Ready."), reply("I did it.")],
    }  # fmt: skip
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        assert home.results()[0].startswith("Started: s1.")
        heard = [body.text for body in home.bodies("main", Message)]
        assert ["why so?" in heard[0], "and then?" in heard[1]] == [True] * 2
        assert "(question 2)" in heard[1]
        assert '<message from="s1">\n[done, 4 steps' in newest(home.requests("main")[-1].body)
        assert said(home, "s1") == ["main has answered: its message follows."] * 2
        assert [body.text for body in home.bodies("s1", Message)] == ["since we said so", "then stop"]
        second = newest(home.requests("main")[1].body)
        assert second.index("Started: s1.") < second.index('<message from="s1">\ns1 asks you this before it starts')
        assert home.bodies("main", Asked) == []
        home.sound()


def test_a_parent_that_ends_its_turn_without_an_answer_has_given_none_and_nobody_waits_for_ever(project: Path) -> None:
    plans = {"main": [reply(spawns("a", "b", interview="self"))], "s1": [reply(ask()), reply(ask()), reply("Ready.")]}
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        assert all("has ended its turn without an answer" in text for text in said(home, "s1"))
        assert {name: report.status for name, report in reports(home).items()} == dict.fromkeys(
            ["s1", "f2", "f3"], "done"
        )
        home.sound()


def test_an_agent_that_asks_its_parent_nothing_is_started_all_the_same(project: Path) -> None:
    plans = {"main": [reply(spawns("a", interview="self")), reply("I wait."), reply("Done.")]}
    with den(project, script(plans)) as home:
        assert home.ask().status == "done"
        assert home.results()[0].startswith("Started: s1.")
        assert reports(home)["s1"].status == "done"
        home.sound()


# --- a stop, and an end ---------------------------------------------------------------------------------------------


def held(request: Json) -> Reply:
    """The spawned agent's first answer takes its time."""
    if whose(request) == "s1" and not answers(request):
        return Reply([], delay_s=60)
    return reply(spawns("a", "b")) if whose(request) == "main" and not answers(request) else reply("Done.")


def test_who_is_stopped_at_its_interview_reports_so_and_its_workers_never_begin(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(home.requests("s1")) == 1)
        member = session.fleet.members[AgentId("s1")]
        assert member.agent is not None
        member.agent.halt(Stop("user"))
        assert (await turn).status == "done"
        await home.close()

    with den(project, held) as home:
        asyncio.run(run(home))
        assert {name: report.status for name, report in reports(home).items()} == dict.fromkeys(
            ["s1", "f2", "f3"], "stopped"
        )
        assert "s1, which was to be onboarded for it, was stopped" in home.results()[0]


def test_a_parent_that_is_stopped_during_the_interview_has_its_call_answered_and_can_go_on(project: Path) -> None:
    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(home.requests("s1")) == 1)
        assert (await home.stop(turn, "user")).status == "interrupted"
        assert (await home.turn("never mind")).status == "done"
        await home.close()

    with den(project, held) as home:
        asyncio.run(run(home))
        assert home.results()[0].count("<report ") == 2
        assert home.bodies("s1", Prompt)[-1].source == "brief"
        home.sound()


def test_an_interview_that_the_end_of_fork_cut_short_goes_on_with_the_next_run(project: Path) -> None:
    slow = [True]

    def later(request: Json) -> Reply:
        if whose(request) == "s1" and slow:
            return Reply([], delay_s=60)
        return reply(spawns("a", "b")) if whose(request) == "main" and not answers(request) else reply("Done.")

    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(home.requests("s1")) == 1)
        assert (await home.stop(turn)).status == "interrupted"
        await home.close()
        slow.clear()

    with den(project, later) as home:
        asyncio.run(run(home))
        assert reports(home) == {}
        assert home.resume().status == "done"
        assert {name: report.status for name, report in reports(home).items()} == dict.fromkeys(
            ["s1", "f2", "f3"], "done"
        )
        home.sound()

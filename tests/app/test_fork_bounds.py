"""Bounds of a family of forks, forks that fail, and forks that are stopped."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from fork_kit import HOLD, Den, answers, block_text, den, forks, newest, reports, until, whose

from forkcli.app.family import stop_agent
from forkcli.core.entries import Approval, Interrupt, Report, ToolResult, Usage
from forkcli.core.ids import AgentId
from forkcli.core.messages import Json
from forkcli.engine.agent import Stop
from forkcli.engine.ports import Answer, Question
from forkcli.engine.running import NEVER_BEGAN
from forkcli.errors import ForkError, Kind
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Reply, call, fail, reply


def everyone_forks(request: Json) -> Reply:
    """Each agent forks twice at first; then it ends."""
    own = "main" if whose(request) == "main" else whose(request)
    asked = newest(request)
    if (own == "main" and answers(request) == 0) or asked.startswith(f"You are {own} now"):
        return reply(forks("left", "right"))
    return reply(f"{own} has seen: {asked[-200:]}")


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_forks_are_four_deep_at_most_and_the_deepest_are_told_so(project: Path) -> None:
    with den(project, everyone_forks) as home:
        assert home.ask().status == "done"
        depths = [home.line_one(name).depth for name in home.agents]
        assert [depths.count(n) for n in range(6)] == [1, 2, 4, 8, 16, 0]
        deepest = next(name for name in home.agents if home.line_one(name).depth == 4)
        (refused,) = home.bodies(deepest, ToolResult)[1:]
        assert refused.is_error
        assert "at most 4 deep" in block_text({"content": list(refused.content)})
        home.sound()


def test_a_call_beyond_the_number_of_agents_starts_none(project: Path) -> None:
    script = {"main": [reply(forks("a", "b")), reply(forks("c", "d")), reply(forks("c")), reply("Done.")]}
    with den(project, script, max_agents=4) as home:
        assert home.ask().status == "done"
        assert home.agents == ["f1", "f2", "f3", "main"]
        first, second, third = home.bodies("main", ToolResult)
        assert (first.is_error, second.is_error, third.is_error) == (False, True, False)
        assert "at most 4 agents (--max-agents): 1 more can start, not 2" in home.results()[1]


def test_a_fork_bomb_ends_at_the_number_of_agents(project: Path) -> None:
    with den(project, everyone_forks, max_agents=20, parallel=3) as home:
        assert home.ask().status == "done"
        assert len(home.agents) == 19  # two at a time
        assert all(report.status == "done" for name in home.agents for report in home.bodies(name, Report))


def test_with_one_place_forks_of_forks_still_end(project: Path) -> None:
    with den(project, everyone_forks, parallel=1, max_agents=16) as home:
        assert home.ask().status == "done"
        home.sound()


def test_no_more_agents_work_at_the_same_time_than_there_are_places(project: Path) -> None:
    working: set[str] = set()
    most = [0]

    async def script(request: Json) -> Reply:
        name = whose(request)
        if name == "main":
            return reply(forks(*(f"task {n}" for n in range(9)))) if answers(request) == 0 else reply("Done.")
        working.add(name)
        most[0] = max(most[0], len(working))
        while most[0] < 3:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # in which a fourth one would come
        working.discard(name)
        return reply("x")

    with den(project, script, parallel=3) as home:
        assert home.ask().status == "done"
        assert most == [3]


def test_the_steps_of_all_agents_count_against_one_limit(project: Path) -> None:
    def busy(_request: Json, _step: int) -> Reply:
        return reply(call("read", path="README.md"))

    script = {"main": [reply(forks("a", "b", "c"))], "f1": busy, "f2": busy, "f3": busy}
    with den(project, script, max_steps=12) as home:
        end = home.ask()
        assert (end.status, "12 steps" in end.sentence) == ("limit", True)
        assert len(home.server.requests) == 12
        assert {report.status for report in reports(home).values()} == {"limit"}
        home.sound()


async def test_the_cost_of_all_agents_counts_against_one_limit(project: Path) -> None:
    def busy(_request: Json, _step: int) -> Reply:
        return Reply([call("read", path="README.md")], usage={"output_tokens": 100_000})

    script = {"main": [reply(forks("a", "b", "c"))], "f1": busy, "f2": busy, "f3": busy}
    with den(project, script, max_cost=10.0) as home:
        session = home.open()
        model = session.rig.model
        assert isinstance(model, AnthropicModel)
        model.endpoint = replace(model.endpoint, loopback=False)  # on one's own machine nothing has a price
        each = model.cost_usd(session.agent.history.model, Usage(output_tokens=100_000)) or 0.0
        end = await home.turn()
        await home.close()
        assert (end.status, "$10.00" in end.sentence) == ("limit", True)
        assert {report.status for report in reports(home).values()} == {"limit"}
        assert (
            10 <= session.rig.spent.cost_usd < 10 + 4 * each
        )  # who was at it when the bound was reached ends its step
        home.sound()


class Agrees:
    """Says yes once, and remembers who asked for what."""

    interactive = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append((question.agent, question.command))
        return "once"


async def test_what_a_fork_asks_leave_for_reaches_the_user_with_its_name(project: Path) -> None:
    outside = [reply(call("bash", command="echo hello", net=True, why="to fetch it")), reply("It ran.")]
    with den(project, {"main": [reply(forks("a", "b")), reply("Done.")], "f2": outside}) as home:
        session, person = home.open(), Agrees()
        session.around.approvals._ask = person
        assert (await home.turn()).status == "done"
        await home.close()
        assert person.asked == [("f2", "echo hello")]
        assert [approval.answer for approval in home.bodies("f2", Approval)] == ["once"]
        assert home.bodies("main", Approval) == []
        home.sound()


def test_a_fork_that_has_made_its_own_number_of_steps_makes_no_further_request(project: Path) -> None:
    def busy(_request: Json, step: int) -> Reply:
        return reply(f"I am at step {step}.", call("read", path="README.md"))

    with den(project, {"main": [reply(forks({"task": "a", "max_steps": 3})), reply("Done.")], "f1": busy}) as home:
        assert home.ask().status == "done"
        assert len(home.requests("f1")) == 3
        report = reports(home)["f1"]
        assert (report.status, report.steps, report.text) == ("limit", 3, "I am at step 2.")


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_fork_that_fails_is_a_report_and_costs_the_others_nothing(project: Path) -> None:
    script = {
        "main": [reply(forks("a", "b", "c", "d")), reply("Done.")],
        "f1": [fail("status", 400)],
        "f2": [reply(call("no_such_tool")), reply("f2 went on.")],
        "f3": [reply("")],
    }
    with den(project, script) as home:
        assert home.ask().status == "done"
        found = reports(home)
        assert {name: report.status for name, report in found.items()} == {
            "f1": "failed",
            "f2": "done",
            "f3": "done",
            "f4": "done",
        }
        assert (found["f1"].text[0], found["f1"].steps) == ("(", 0)
        assert found["f2"].text == "f2 went on."
        assert "without a report" in found["f3"].text
        assert home.results()[-1].count("<report ") == 4


def test_a_fork_whose_files_cannot_be_made_is_a_report(project: Path) -> None:
    def first(_request: Json, _step: int) -> Reply:
        (home.folder / "agents/f2/history.jsonl").mkdir(mode=0o700)
        return reply("f1 is done.")

    with den(project, {"main": [reply(forks("a", "b", "c")), reply("Done.")], "f1": first}, parallel=1) as home:
        assert home.ask().status == "done"
        assert "cannot read" in home.results()[0]
        assert [found.status for found in reports(home).values()].count("done") == 2


def test_a_fork_whose_history_cannot_be_written_fails_alone(project: Path) -> None:
    def spoiled(_request: Json, _step: int) -> Reply:
        with (home.folder / "agents/f2/history.jsonl").open("ab") as file:
            file.write(b"another program\n")
        return reply("lost")

    with den(project, {"main": [reply(forks("a", "b", "c")), reply("Done.")], "f2": spoiled}) as home:
        assert home.ask().status == "done"
        found = reports(home)
        assert [found[name].status for name in ("f1", "f2", "f3")] == ["done", "failed", "done"]
        assert "changed by another program" in found["f2"].text


def test_the_first_sibling_that_fails_does_not_hold_the_others_back(project: Path) -> None:
    (project / "big.txt").write_text("words " * 3000)
    asks = reply(call("read", path="big.txt"), forks("a", "b", "c"))
    first: list[str] = []

    def child(request: Json) -> Reply:
        first.append(whose(request))
        return fail("status", 400) if len(first) == 1 else reply("fine")

    def script(request: Json) -> Reply:
        if whose(request) != "main":
            return child(request)
        return asks if answers(request) == 0 else reply("Done.")

    with den(project, script) as home:
        assert home.ask().status == "done"
        assert sorted(report.status for report in reports(home).values()) == ["done", "done", "failed"]


# --- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [1, 16])
def test_when_the_user_stops_the_parent_every_fork_stops_and_reports_and_the_call_is_answered(
    project: Path, parallel: int
) -> None:
    def nested(_request: Json, step: int) -> Reply:
        return reply("I have begun.", forks("deeper")) if step == 0 else HOLD

    script = {"main": [reply(forks("a", "b", "c")), HOLD], "f1": nested, "f2": lambda *_: HOLD, "f4": lambda *_: HOLD}

    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(home.server.requests) >= 3)
        await asyncio.sleep(0.2)
        assert (await home.stop(turn, "user")).status == "interrupted"
        assert home.session is not None
        assert home.session.fleet.members == {}
        await home.close()

    with den(project, script, parallel=parallel) as home:
        asyncio.run(run(home))
        found = reports(home)
        assert {report.status for report in found.values()} <= {"stopped", "done"}
        assert found["f1"].status == "stopped"
        assert found["f1"].text.startswith("I have begun.")
        (answer,) = home.bodies("main", ToolResult)
        assert answer.is_error
        assert home.results()[0].count("<report ") == 3
        assert [stop.by for stop in home.bodies("main", Interrupt)] == ["user"]
        if parallel == 1:
            assert NEVER_BEGAN in {report.text for name in ("main", "f1") for report in reports(home, name).values()}
        home.sound()


def test_a_single_fork_can_be_stopped_and_the_others_go_on(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.requests("f2"))
        assert session.fleet.stop(AgentId("f2"), Stop("user", "enough"))
        assert not session.fleet.stop(AgentId("f9"), Stop("user"))
        assert (await turn).status == "done"
        await home.close()

    with den(project, {"main": [reply(forks("a", "b")), reply("Done.")], "f2": lambda *_: HOLD}) as home:
        asyncio.run(run(home))
        found = reports(home)
        assert (found["f1"].status, found["f2"].status) == ("done", "stopped")
        home.sound()


def test_the_user_stops_a_fork_that_works_and_one_that_waits_for_its_place(project: Path) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: home.requests("f1"))
        assert stop_agent(session, "f2")
        assert stop_agent(session, "f1")
        assert (await turn).status == "done"
        assert not stop_agent(session, "f3")
        with pytest.raises(ForkError, match="there is no agent 'f9'") as caught:
            stop_agent(session, "f9")
        assert caught.value.kind is Kind.USAGE
        await home.close()

    script = {"main": [reply(forks("a", "b", "c")), reply("Done.")], "f1": lambda *_: HOLD}
    with den(project, script, parallel=1) as home:
        asyncio.run(run(home))
        found = reports(home)
        assert {name: report.status for name, report in found.items()} == {
            "f1": "stopped",
            "f2": "stopped",
            "f3": "done",
        }
        assert found["f2"].text == NEVER_BEGAN
        assert home.results()[-1].count("<report ") == 3
        home.sound()


@pytest.mark.parametrize("by", ["signal", "limit"])
def test_when_fork_itself_ends_nothing_is_reported_and_every_fork_goes_on_where_it_was(
    project: Path, by: Literal["signal", "limit"]
) -> None:
    stuck: list[str] = []

    def worker(_request: Json, step: int) -> Reply:
        if step == 0:
            return reply(call("bash", command="echo once >> trace"))
        stuck.append("x")
        return HOLD if len(stuck) <= 3 else reply("finished")

    script = {"main": [reply(forks("a", "b", "c")), reply("Done.")], "f1": worker, "f2": worker, "f3": worker}

    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        await until(lambda: len(stuck) == 3)
        await home.stop(turn, by)
        await home.close()

    with den(project, script) as home:
        asyncio.run(run(home))
        assert home.bodies("main", Report) == []
        assert home.bodies("main", ToolResult) == []
        assert home.resume().status == "done"
        assert {report.status for report in reports(home).values()} == {"done"}
        for name in ("f1", "f2", "f3"):
            assert len(home.bodies(name, ToolResult)) == 2
        home.sound()

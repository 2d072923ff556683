"""What scripts and people see of spawned agents: events, the tree, their files; and `/spawn` at the terminal."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from app_kit import Desk, Serve
from fork_kit import Den, by_agent, den, reports, spawns, until

from forkcli.app.driver import ReplDriver
from forkcli.app.nursery import ForkNursery
from forkcli.app.spawning import spawn
from forkcli.core.messages import Json
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Answer, Question
from forkcli.errors import ForkError, Kind
from forkcli.models.scripted import call, reply
from forkcli.ui.ports import Lines

PLAN = {
    "main": [reply(spawns("write it", {"task": "look", "access": "read"}, brief="all\nof it")), reply("All done.")],
    "s1": [reply(call("send", to="parent", text="which way?", wait=True)), reply("Ready.")],
    "f2": [reply(call("write", path="made.txt", content="by f2\n")), reply("f2 made made.txt.")],
}


def family(desk: Desk, serve: Serve, *words: str) -> list[Json]:
    serve(by_agent(PLAN))
    done = desk.run("-p", "spawn", *words)
    assert done.code == 0, done.stderr
    return done.objects if "json" in " ".join(words) else []


def test_a_stream_tells_of_the_spawn_and_of_every_report(desk: Desk, serve: Serve) -> None:
    objects = family(desk, serve, "-o", "stream-json")
    (order,) = [o for o in objects if o["type"] == "spawn"]
    assert (order["agent"], order["onboarded"], order["interview"], order["brief"]) == (
        "main",
        "s1",
        "fork",
        "all\nof it",
    )
    assert [(child["agent"], child["access"]) for child in order["children"]] == [("f2", "write"), ("f3", "read")]
    assert {o["from"]: o["agent"] for o in objects if o["type"] == "report"} == {
        "s1": "main",
        "f2": "main",
        "f3": "main",
    }
    states = {row["agent"]: row["state"] for row in objects[-1]["agents"]}
    assert (states["s1"], states["f2"], states["f3"]) == ("done", "done", "done")


def test_the_tree_shows_the_workers_under_the_agent_that_was_onboarded_for_them(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    rows = {row["agent"]: row for row in json.loads(desk.run("tree", "--json").stdout)["agents"]}
    shown = {name: (row["kind"], row["parent"], row["state"]) for name, row in rows.items()}
    assert shown["s1"] == ("spawn", "main", "done")
    assert shown["f2"] == shown["f3"] == ("fork", "s1", "done")
    assert rows["f2"]["files"] == {"state": "merged", "changed": ["made.txt"]}
    assert rows["s1"]["task"] == "onboarded for 2 tasks: f2, f3"
    assert rows["s1"]["at"] is None
    assert rows["f2"]["at"] > 1


def test_what_was_asked_and_told_can_be_read_afterwards(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    assert desk.run("check").code == 0
    told = (desk.session / "agents/s1/transcript.md").read_text()
    for words in ("all", "write it", "which way?", "Ready.", "into f2: write it; f3: look"):
        assert words in told
    assert "s1 is onboarded for f2: write it" in (desk.agent / "transcript.md").read_text()
    context = json.loads(desk.run("show", "s1", "--context", "--json").stdout)
    assert context["tools"]
    assert "You are s1, a new agent" in json.dumps(context["messages"][0])
    assert "spawn" in desk.run("show", "s1").stdout
    assert "+by f2" in desk.run("show", "f2", "--diff").stdout
    assert desk.run("show", "f2", "--report").stdout == "f2 made made.txt.\n"


# --- at the terminal ------------------------------------------------------------------------------------------------


class Answers:
    """A person with an answer ready."""

    interactive = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def ask(self, _question: Question) -> Answer:
        return "no"

    async def inquire(self, agent: str, text: str) -> str | None:
        self.asked.append((agent, text))
        return "use tabs" if len(self.asked) == 1 else None


async def spoken(home: Den, line: str, person: Answers | None = None, asked: str = "") -> str:
    """What `/spawn` says, after what it started has reported; `asked` is what was asked before."""
    session = home.open()
    if asked:
        await home.turn(asked)
    if person is not None:
        session.around = replace(session.around, approvals=Approvals(person))
        assert isinstance(session.fleet.nursery, ForkNursery)
        session.fleet.nursery = replace(session.fleet.nursery, around=session.around)
    driver = ReplDriver(session.around, session)
    shown = await spawn(driver, line)
    await until(lambda: len(session.agent.history.reports) == 1)
    await home.close()
    assert isinstance(shown, Lines)
    return shown.text


def test_the_person_spawns_beside_the_agents_work_and_the_report_comes_as_a_message(project: Path) -> None:
    plan = {"s1": [reply("Ready."), reply("Looked.")], "main": [reply("I see.")]}
    with den(project, plan) as home:
        told = asyncio.run(spoken(home, "look into it", asked="go"))
        assert told.startswith("s1 may ask a fork of main what it has to know")
        assert reports(home)["s1"].text == "Looked."
        assert "ordered this themselves" in str(home.requests("s1")[0].body["messages"])
        home.sound()


def test_where_nothing_was_asked_before_the_order_is_the_prompt_and_nobody_is_there_to_be_asked(project: Path) -> None:
    plan = {"s1": [reply(call("send", to="parent", text="why?", wait=True)), reply("Looked.")]}
    with den(project, plan) as home:
        assert asyncio.run(spoken(home, "look into it")).startswith("s1 works on it, and asks nobody: main knows")
        assert "Nobody answers questions here" in home.results("s1")[0]
        assert (home.folder / "prompt.md").read_text() == "look into it"
        assert home.agents == ["s1", "main"]
        home.sound()


def test_the_person_is_interviewed_and_what_they_leave_open_the_agent_decides(project: Path) -> None:
    asks = [reply(call("send", to="user", text=text, wait=True)) for text in ("tabs or spaces?", "and who are you?")]
    person = Answers()
    with den(project, {"s1": [*asks, reply("Ready."), reply("Did it.")]}) as home:
        assert asyncio.run(spoken(home, "--me indent it", person)).startswith("s1 asks you what it has to know")
        assert person.asked == [("s1", "tabs or spaces?"), ("s1", "and who are you?")]
        assert home.results("s1")[0] == "use tabs"
        assert "chose not to answer" in home.results("s1")[1]
        assert reports(home)["s1"].text == "Did it."
        home.sound()


def test_where_nobody_is_there_the_person_cannot_be_interviewed(project: Path) -> None:
    asks = reply(call("send", to="user", text="tabs or spaces?", wait=True))
    with den(project, {"s1": [asks, reply("Ready."), reply("Did it.")]}) as home:
        asyncio.run(spoken(home, "--me indent it"))
        assert "nobody is there to answer" in home.results("s1")[0].lower()
        assert reports(home)["s1"].status == "done"


@pytest.mark.parametrize("line", ["", "  ", "--me", "--me  "])
def test_without_a_task_nothing_is_spawned(project: Path, line: str) -> None:
    async def run(home: Den) -> None:
        session = home.open()
        with pytest.raises(ForkError) as caught:
            await spawn(ReplDriver(session.around, session), line)
        assert caught.value.kind is Kind.USAGE
        await home.close()

    with den(project, {}) as home:
        asyncio.run(run(home))
        assert home.agents == ["main"]

"""The session behind the REPL, with real files and processes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from forkcli.app.crew import Surroundings
from forkcli.app.driver import ReplDriver
from forkcli.app.parts import NobodyToAsk, build_model, limiter
from forkcli.app.session import resume_session
from forkcli.app.slashes import slashes_for
from forkcli.config import Settings
from forkcli.core.entries import Message, Notice
from forkcli.core.events import Event
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Answer, Question
from forkcli.errors import ForkError, Kind
from forkcli.models.scripted import Reply, ScriptedServer, call, reply, say
from forkcli.models.scripted.script import Script
from forkcli.store.lock import lock_session
from forkcli.store.scratch import Scratch
from forkcli.ui.ports import Choice, Lines, Table
from forkcli.workspace.base import open_workspace


def nothing(_event: Event) -> None:
    """Nobody watches."""


@asynccontextmanager
async def driver_in(project: Path, *script: Reply, plays: Script = ()) -> AsyncIterator[ReplDriver]:
    with ScriptedServer(script or plays) as server:
        settings = Settings(project, project, base_url=server.base_url, api_key="scripted")
        model, scratch = build_model(settings), Scratch(project)
        scratch.ensure()
        workspace = open_workspace(project, begin=False)
        approvals = Approvals(NobodyToAsk())
        driver = ReplDriver(
            Surroundings(settings, scratch, model, workspace, approvals, limiter(interactive=True), nothing)
        )
        try:
            yield driver
        finally:
            await driver.close()
            await workspace.close()
            await model.close()


class Agrees:
    """Says yes, so that it does not matter whether a sandbox works here."""

    interactive = True

    async def ask(self, _question: Question) -> Answer:
        return "once"

    async def inquire(self, _agent: str, _text: str) -> str | None:
        return None


def notices(driver: ReplDriver) -> list[str]:
    return [entry.body.text for entry in driver.history.entries if isinstance(entry.body, Notice)]


async def test_a_command_of_the_users_is_told_with_its_output(project: Path) -> None:
    async with driver_in(project) as driver:
        end = await driver.shell("echo out; exit 3", lambda _text: None)
        assert (end.output, end.exit_code) == ("out\n", 3)
        assert notices(driver) == [f"The user ran `echo out; exit 3` in {project} (exit code 3):\nout"]


async def test_a_command_of_the_users_that_is_stopped_keeps_what_it_had_said(project: Path) -> None:
    async with driver_in(project) as driver:
        heard = asyncio.Event()
        task = asyncio.create_task(driver.shell("echo first; sleep 60", lambda _text: heard.set()))
        await heard.wait()
        task.cancel()
        end = await task
        assert (end.output, end.exit_code) == ("first\n", None)
        assert notices(driver) == [f"The user ran `echo first; sleep 60` in {project} (killed):\nfirst"]


async def test_quitting_while_a_command_of_the_users_runs_ends_it(project: Path) -> None:
    async with driver_in(project) as driver:
        heard = asyncio.Event()
        task = asyncio.create_task(driver.shell("echo first; sleep 60", lambda _text: heard.set()))
        await heard.wait()
        task.cancel()
        await driver.close()
        assert (await task).exit_code is None


async def test_a_context_in_which_nothing_stands_is_said_to_be_empty(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        (context,) = [slash for slash in slashes_for(driver) if slash.name == "context"]
        assert await context.run("") == Lines("The context is empty: it begins with your first prompt.")
        await driver.turn("hi")
        assert isinstance(await context.run(""), Table)


async def test_of_many_files_in_a_context_the_fullest_are_named_and_the_others_counted(project: Path) -> None:
    for n in range(20):
        (project / f"file{n}").write_text("x\n")
    async with driver_in(project, reply(*(call("read", path=f"file{n}") for n in range(20))), reply("Done.")) as driver:
        (context,) = [slash for slash in slashes_for(driver) if slash.name == "context"]
        await driver.turn("look")
        table = await context.run("")
        assert isinstance(table, Table)
        listed = [row[:2] for row in table.rows[-17:]]
        assert (listed[0], listed[-1]) == (("of that, by file:", ""), ("  5 more", "10"))
        assert all(name.startswith("  file") and count == "2" for name, count in listed[1:-1])


async def test_a_person_who_was_there_all_along_is_not_said_to_have_come(project: Path) -> None:
    async with driver_in(project, reply("One."), reply("In short."), reply("Two.")) as driver:
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        await driver.turn("hi")
        await run["compact"]("")
        await run["go"]("f1")
        await driver.turn("and you?")
        assert driver.history.agent is not None
        assert driver.history.agent.agent == "f1"
        assert not any("From now on" in text for text in notices(driver))


async def test_the_cost_is_that_of_all_agents_and_a_past_that_they_share_counts_once(project: Path) -> None:
    async with driver_in(project, reply("hello"), reply("in the fork")) as driver:
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        assert await run["cost"]("") == Lines("No model was called yet.")
        await driver.turn("hi")
        alone = await run["cost"]("")
        assert isinstance(alone, Table)
        assert [row[:2] for row in alone.rows] == [("claude-opus-5-5", "1")]
        await run["fork"]("")
        await driver.turn("on")
        both = await run["cost"]("")
        assert isinstance(both, Table)
        assert both.title == "Cost of the session: 2 agents (no price is known here for claude-opus-5-5)"
        assert [row[:2] for row in both.rows] == [("claude-opus-5-5", "2"), ("f1 alone", "1")]
        assert {row[-1] for row in both.rows} == {"-"}


async def test_a_merge_needs_an_agent_and_the_difference_of_main_is_that_of_the_project(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        await driver.turn("hi")
        with pytest.raises(ForkError, match="takes an agent") as caught:
            await run["merge"]("")
        assert caught.value.hints == ("main's children: none",)
        assert await run["diff"]("main") == await run["diff"]("")


async def test_the_tree_has_the_states_of_the_live_board(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        await driver.turn("hi")
        await run["fork"]("")
        tree = await run["tree"]("")
        assert isinstance(tree, Lines)
        assert "\nmain  idle  1 step" in tree.text
        assert "\n  f1  idle  0 steps\n" in f"{tree.text}\n"


def open_session(driver: ReplDriver) -> str:
    return driver.session.id if driver.session is not None else ""


NEED_ONE = ("diff f1", "go", "go f1", "stop", "merge f1", "review", "rewind", "tree", "fork", "fork look around")
NEED_ONE += ("ask who are you?", "ask main who?", "tell main hello", "tell f1 hello")


@pytest.mark.parametrize("line", NEED_ONE)
async def test_what_needs_a_session_begins_none(project: Path, line: str) -> None:
    name, _, rest = line.partition(" ")
    async with driver_in(project, reply("hello")) as driver:
        (slash,) = [slash for slash in slashes_for(driver) if slash.name == name]
        with pytest.raises(ForkError, match="no session is open yet"):
            await slash.run(rest)
        assert driver.session is None
        assert driver.around.scratch.sessions() == []


BAD = ("ask", "tell", "tell main", "init now", "init write", "spawn", "spawn --me", "spawn --you look around")


@pytest.mark.parametrize("line", BAD)
async def test_words_that_a_command_does_not_take_begin_no_session(project: Path, line: str) -> None:
    name, _, rest = line.partition(" ")
    async with driver_in(project, reply("hello")) as driver:
        (slash,) = [slash for slash in slashes_for(driver) if slash.name == name]
        with pytest.raises(ForkError) as caught:
            await slash.run(rest)
        assert caught.value.kind is Kind.USAGE
        assert driver.session is None
        assert driver.around.scratch.sessions() == []


async def test_a_question_to_an_agent_that_is_not_there_is_put_to_no_other(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        (slash,) = [slash for slash in slashes_for(driver) if slash.name == "ask"]
        await driver.turn("hi")
        with pytest.raises(ForkError, match="no agent 'f99'"):
            await slash.run("f99 what is it?")


@pytest.mark.parametrize("line", ["fork", "fork look around", "ask who are you?"])
async def test_nobody_forks_an_agent_that_knows_nothing_yet(project: Path, line: str) -> None:
    name, _, rest = line.partition(" ")
    async with driver_in(project, reply("hello")) as driver:
        (slash,) = [slash for slash in slashes_for(driver) if slash.name == name]
        session = await driver.open()
        with pytest.raises(ForkError, match="main has been asked nothing yet"):
            await slash.run(rest)
        assert session.around.scratch.agents(session.id) == ["main"]


async def test_the_session_that_was_left_is_known_once_something_was_asked_in_it(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        await driver.shell("true", lambda _text: None)
        await driver.close()
        assert driver.left is None
        await driver.turn("hi")
        session = open_session(driver)
        await driver.close()
        assert session
        assert driver.left == session


async def test_a_job_that_ended_between_two_turns_is_told_as_such_also_after_a_resume(project: Path) -> None:
    job = call("bash", command="until test -e go; do sleep 0.02; done; exit 7", background=True)
    async with driver_in(project, reply(job), reply("started"), reply("I see")) as driver:
        driver.around = replace(driver.around, approvals=Approvals(Agrees()))
        await driver.turn("go")
        session = driver.session
        assert session is not None
        (project / "go").touch()
        while session.rig.jobs.running:
            await asyncio.sleep(0.05)
        await driver.close()
        await driver.switch(resume_session(driver.around, session.id))
        await driver.turn("and now?")
        (message,) = [entry.body for entry in driver.history.entries if isinstance(entry.body, Message)]
        assert (message.sender, message.file) == ("j1", "0001-j1.md")
        assert "exit code 7" in message.text


async def test_a_session_that_cannot_be_resumed_leaves_the_open_one_open(project: Path) -> None:
    async with driver_in(project, reply("hello"), reply("again")) as driver:
        await driver.turn("hi")
        first = driver.session
        assert first is not None
        await driver.switch(None)
        await driver.turn("hi")
        second = open_session(driver)
        resume = next(slash for slash in slashes_for(driver) if slash.name == "resume")
        lock = lock_session(driver.around.scratch.session_folder(first.id))
        with pytest.raises(ForkError, match="in use"):
            await resume.run(first.id)
        lock.release()
        assert open_session(driver) == second
        await resume.run(first.id)
        assert open_session(driver) == first.id


async def test_a_session_in_which_something_works_is_not_left_unasked(project: Path) -> None:
    async with driver_in(project, reply("first"), Reply([say("slow")], delay_s=60), reply("more")) as driver:
        await driver.turn("hi")
        first = open_session(driver)
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        await run["new"]("")
        turn = asyncio.create_task(driver.turn("go"))
        while not driver.status().running:
            await asyncio.sleep(0.01)
        for name, rest in (("new", ""), ("resume", first)):
            with pytest.raises(ForkError, match="would stop what works in it: main") as caught:
                await run[name](rest)
            assert caught.value.hints == (f"Esc stops it; then /{name}",)
        assert driver.status().running
        driver.stop()
        await turn
        await run["resume"](first)
        assert open_session(driver) == first


async def test_a_model_that_nobody_knows_is_told_of_and_a_change_is_said_once(project: Path) -> None:
    async with driver_in(project, reply("hello")) as driver:
        run = {slash.name: slash.run for slash in slashes_for(driver)}
        before = await run["model"]("haiku")
        assert before == Lines("The model is now claude-haiku-5-5. Its cache begins empty.")
        await driver.turn("hi")
        assert await run["model"]("opus") == Lines("Its cache begins empty.")
        doubt = await run["model"]("claude-opus-55")
        assert isinstance(doubt, Lines)
        assert "Neither fork nor http://127.0.0.1" in doubt.text
        assert "knows the model 'claude-opus-55'; it has claude-opus-5-5" in doubt.text
        assert await run["effort"]("low") is None


async def test_sessions_to_resume_are_dated_in_the_readers_own_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driver_in(project, reply("hello")) as driver:
        await driver.turn("hi")
        await driver.switch(None)
        resume = next(slash for slash in slashes_for(driver) if slash.name == "resume")
        monkeypatch.setenv("TZ", "UTC-5:30")
        time.tzset()
        try:
            shown = await resume.run("")
        finally:
            monkeypatch.undo()
            time.tzset()
        assert isinstance(shown, Choice)
        (found,) = driver.around.scratch.sessions()
        local = found.updated + timedelta(hours=5, minutes=30)
        assert shown.items == ((found.id, "hi", f"{local:%Y-%m-%d %H:%M}"),)

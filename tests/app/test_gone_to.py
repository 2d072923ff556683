"""An agent that the person has gone to while it worked, and that has ended since: it goes on like any other."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fork_kit import forks, newest
from test_repl_driver import driver_in

from forkcli.app.driver import ReplDriver
from forkcli.app.slashes import slashes_for
from forkcli.core.entries import Assistant
from forkcli.core.ids import AgentId
from forkcli.core.messages import Json, text_of
from forkcli.models.scripted import Reply, call, reply
from forkcli.store.check import check_session

F1 = AgentId("f1")


@asynccontextmanager
async def gone_to(project: Path, **order: object) -> AsyncIterator[ReplDriver]:
    """The person went to f1 while it worked, and it has ended since: its report is in main."""
    released = threading.Event()

    async def script(request: Json) -> Reply:
        text = newest(request)
        if "You are f1 now" in text:
            while not released.is_set():
                await asyncio.sleep(0.01)
            return reply(call("write", path="made.txt", content="by f1"))
        told = {
            "let one of you do it": forks("make it", **order),
            "Created `made.txt`": "Made it.",
            "answer me, f1": "Here.",
        }
        return reply(next((said for words, said in told.items() if words in text), "Well."))

    async with driver_in(project, plays=script) as driver:
        turn = asyncio.create_task(driver.turn("let one of you do it"))
        while driver.session is None or driver.session.live(F1) is None:
            await asyncio.sleep(0.01)
        await go(driver, "f1")
        released.set()
        await turn
        yield driver


async def go(driver: ReplDriver, name: str) -> None:
    (slash,) = [slash for slash in slashes_for(driver) if slash.name == "go"]
    await slash.run(name)


def last_said(driver: ReplDriver) -> str:
    return text_of([e.body for e in driver.history.entries if isinstance(e.body, Assistant)][-1].content)


async def goes_on(driver: ReplDriver) -> None:
    """The one in focus is f1, and answers."""
    assert driver.session is not None
    assert driver.session.agent.id == F1
    await driver.turn("answer me, f1")
    assert last_said(driver) == "Here."
    folder = driver.around.scratch.session_folder(driver.session.id)
    await driver.close()
    assert check_session(folder) == []


async def test_an_agent_that_ended_while_the_person_was_with_it_answers_their_next_prompt(project: Path) -> None:
    async with gone_to(project, wait=False) as driver:
        await goes_on(driver)


async def test_it_can_be_left_and_gone_back_to(project: Path) -> None:
    async with gone_to(project) as driver:
        await go(driver, "main")
        await go(driver, "f1")
        await goes_on(driver)


async def test_its_settings_can_be_changed_first(project: Path) -> None:
    async with gone_to(project) as driver:
        (access,) = [slash for slash in slashes_for(driver) if slash.name == "access"]
        await access.run("read")
        assert driver.history.access == "read"
        await goes_on(driver)


async def test_its_files_are_merged_as_it_left_them(project: Path) -> None:
    async with gone_to(project, merge="none") as driver:
        await go(driver, "main")
        assert driver.session is not None
        merge = await driver.session.merge("f1")
        assert (merge.outcome, merge.paths) == ("merged", ("made.txt",))

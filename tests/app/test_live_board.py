"""The live board's rows from a real session: while forks work, when they have ended, and when it is opened again."""

import asyncio
from pathlib import Path

from fork_kit import answers, den, forks, until, whose

from forkcli.app.board import LiveBoard
from forkcli.core.events import Waiting
from forkcli.core.ids import MAIN, AgentId
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply
from forkcli.ui.fleetview import BoardRow


def rows(board: LiveBoard) -> dict[str, BoardRow]:
    return {row.agent: row for row in board.view().rows}


def test_forks_are_seen_waiting_working_and_done_with_what_they_cost(project: Path) -> None:
    free = asyncio.Event()

    async def script(request: Json) -> Reply:
        name = whose(request)
        if name == "main":
            return (
                reply(forks("look here", {"task": "look there", "max_steps": 7}))
                if not answers(request)
                else reply("So.")
            )
        if name == "f1" and answers(request) == 1:
            return reply("I read.", call("read", path="README.md"))
        while not free.is_set():
            await asyncio.sleep(0.01)
        return reply(f"{name} found it.\nAnd more.")

    async def run() -> None:
        board = LiveBoard(home.open(), 200_000)
        assert rows(board)["main"].state == "idle"
        turn = asyncio.create_task(home.turn("find it"))
        await until(lambda: rows(board).get("f1") and rows(board)["f1"].steps == 1)
        seen = rows(board)
        assert [(row.agent, row.depth) for row in board.view().rows] == [("main", 0), ("f1", 1), ("f2", 1)]
        assert (seen["main"].state, seen["main"].task, seen["main"].here) == ("waiting", "find it", True)
        assert (seen["f1"].state, seen["f1"].task, seen["f1"].last) == ("running", "look here", "read README.md")
        assert (seen["f2"].state, seen["f2"].max_steps) == ("waiting", 7)
        assert 0 < (seen["f1"].context_share or 0) < 0.2
        free.set()
        assert (await turn).status == "done"
        seen = rows(board)
        assert (seen["main"].state, seen["main"].last) == ("idle", "So.")
        assert (seen["f2"].state, seen["f2"].last) == ("done", "f2 found it.")
        assert seen["f1"].steps == 2
        await home.close()
        again = rows(LiveBoard(home.open(home.folder.name), 0))
        assert again["f1"].state == "done"
        assert again["f1"].context_share is None
        await home.close()

    (project / "README.md").write_text("hello\n")
    with den(project, script, parallel=1) as home:
        asyncio.run(run())


def test_an_agent_that_only_waits_for_forks_in_the_background_is_not_said_to_work(project: Path) -> None:
    free = asyncio.Event()

    async def script(request: Json) -> Reply:
        if whose(request) == "main":
            return reply(forks("one", "two", wait=False)) if not answers(request) else reply("I wait.")
        while whose(request) == "f2" and not free.is_set():
            await asyncio.sleep(0.01)
        return reply("Here.")

    async def run() -> None:
        board = LiveBoard(home.open(), 0)
        turn = asyncio.create_task(home.turn())
        await until(lambda: Waiting(MAIN, (AgentId("f2"),)) in home.events)
        await until(lambda: rows(board)["main"].state == "waiting")
        assert rows(board)["f2"].state == "running"
        free.set()
        await turn
        assert rows(board)["main"].state == "idle"
        await home.close()

    with den(project, script) as home:
        asyncio.run(run())


def test_an_agent_whose_file_is_damaged_is_named_and_the_others_are_seen(project: Path) -> None:
    async def run() -> None:
        session = home.open()
        await home.turn()
        agents = home.folder / "agents"
        (agents / "f1/history.jsonl").write_text('{"seq":1}\n')
        assert [(row.agent, row.state) for row in LiveBoard(session, 0).view().rows] == [
            ("main", "idle"), ("f2", "done"), ("f1", "damaged"),
        ]  # fmt: skip
        await home.close()

    with den(project, {"main": [reply(forks("look", "and there")), reply("So.")]}) as home:
        asyncio.run(run())

"""Two processes and one session: the second is told who holds it, and can go on in a fork of its own."""

import asyncio
import re
import threading
from pathlib import Path

import pytest
from app_kit import Desk, Running, Serve, until
from fork_kit import answers, block_text, blocks, den, forks, newest, whose

from forkcli.app.family import go
from forkcli.app.session import fork_of_held
from forkcli.core.entries import Agent, Assistant, Prompt
from forkcli.core.ids import MAIN, AgentId, Seq
from forkcli.core.messages import Json
from forkcli.engine.loop import prompt_turn
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, ScriptedServer, call, reply
from forkcli.store.check import check_session
from forkcli.store.lock import HeldError, is_locked
from forkcli.store.reading import first_entry, read_history

MOVED = re.compile(r"You are (f\d+) from here on")


def speaker(request: Json) -> str:
    """The agent that a request is of, where a person has moved into a fork."""
    said = [block_text(b) for m in request["messages"] if m["role"] == "user" for b in blocks(m)]
    found = MOVED.findall("\n".join(said))
    return found[-1] if found else "main"


class Busy:
    """A model whose answers to `work` come when they are let go; to everything else at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []

    async def __call__(self, request: Json) -> Reply:
        text = newest(request)
        self.asked.append(text)
        if "work" not in text or "aside" in text:
            return reply(f"{speaker(request)} says hello")
        while not self.go.is_set():
            await asyncio.sleep(0.01)
        return reply(forks("one", "two")) if "SPLIT" in text else reply("worked")


@pytest.fixture
def busy() -> Busy:
    return Busy()


def at_work(desk: Desk, serve: Serve, busy: Busy, prompt: str = "work") -> tuple[Running, ScriptedServer]:
    """A process that holds a session and waits for its model."""
    server = serve(busy)
    first = desk.start("-p", prompt)
    until(lambda: busy.asked)
    return first, server


def test_the_second_process_is_told_who_holds_the_session(desk: Desk, serve: Serve, busy: Busy) -> None:
    first, _ = at_work(desk, serve, busy)
    for words in (["-c"], ["-r", desk.session.name]):
        second = desk.run(*words, "-p", "and you?")
        assert second.code == 1
        assert f"in use by process {first.pid}" in second.stderr
        assert f"fork -r {desk.session.name} --fork" in second.stderr
    busy.go.set()
    assert first.wait() == 0
    assert [prompt.text for prompt in desk.bodies(Prompt)] == ["work"]


def test_with_fork_it_goes_on_beside_the_holder_from_its_last_entry(desk: Desk, serve: Serve, busy: Busy) -> None:
    first, server = at_work(desk, serve, busy)
    before = (desk.agent / "history.jsonl").read_bytes()
    second = desk.run("-c", "--fork", "-p", "aside: who are you?")
    assert (second.code, second.stdout) == (0, "f1 says hello\n")
    assert (desk.agent / "history.jsonl").read_bytes() == before
    line_one = first_entry(desk.session / "agents/f1/history.jsonl")
    assert line_one is not None
    assert isinstance(line_one.body, Agent)
    assert (line_one.body.parent, line_one.body.from_seq) == ("main", len(before.splitlines()))
    parents, forked = server.requests[0], server.requests[1]
    assert forked.body["system"] == parents.body["system"]
    assert forked.body["tools"] == parents.body["tools"]
    busy.go.set()
    assert first.wait() == 0
    assert first.stdout == "worked\n"
    assert check_session(desk.session) == []


def test_from_a_checkpoint_too_and_a_number_that_is_none_is_refused(desk: Desk, serve: Serve, busy: Busy) -> None:
    first, _ = at_work(desk, serve, busy)
    wrong = desk.run("-c", "--fork", "--at", "2", "-p", "aside")
    assert wrong.code == 2
    assert "main has no checkpoint 2" in wrong.stderr
    none = desk.run("-c", "--fork", "--at", "three", "-p", "aside")
    assert none.code == 2
    assert "--at takes a whole number" in none.stderr
    assert desk.run("-c", "--fork", "--at", "3", "-p", "aside").code == 0
    nobody = desk.run("-c", "--fork", "--agent", "f77", "-p", "aside")
    assert nobody.code == 2
    assert "there is no agent 'f77'" in nobody.stderr
    busy.go.set()
    assert first.wait() == 0


def test_both_get_ids_of_one_counter(desk: Desk, serve: Serve, busy: Busy) -> None:
    first, _ = at_work(desk, serve, busy, "work: SPLIT")
    assert desk.run("-c", "--fork", "-p", "aside").code == 0  # f1, of which the first process knows nothing
    busy.go.set()
    assert first.wait() == 0
    tasks = {}
    for folder in (desk.session / "agents").iterdir():
        entry = first_entry(folder / "history.jsonl")
        assert entry is not None
        assert isinstance(entry.body, Agent)
        tasks[folder.name] = entry.body.task
    assert tasks == {"main": "", "f1": "", "f2": "one", "f3": "two"}
    assert check_session(desk.session) == []


def test_a_session_with_a_fork_at_work_is_not_removed_when_its_holder_has_gone(
    desk: Desk, serve: Serve, busy: Busy
) -> None:
    first, _ = at_work(desk, serve, busy)
    second = desk.start("-c", "--fork", "-p", "work on")
    until(lambda: len(busy.asked) == 2)
    first.kill()
    first.wait()
    session = desk.session
    assert is_locked(session) == second.pid
    cleaned = desk.run("clean", "--yes", "--session", session.name)
    assert f"in use by process {second.pid}" in cleaned.stdout + cleaned.stderr
    assert session.exists()
    third = desk.run("-c", "-p", "hello")  # the session itself is free again
    assert (third.code, third.stdout) == (0, "main says hello\n")
    held = desk.run("-c", "--agent", "f1", "-p", "hello")
    assert held.code == 1
    assert f"f1 of session {session.name} is in use by process {second.pid}" in held.stderr
    busy.go.set()
    assert second.wait() == 0
    assert check_session(session) == []


def test_forks_of_many_processes_at_once_never_share_an_id(desk: Desk, serve: Serve, busy: Busy) -> None:
    first, _ = at_work(desk, serve, busy)
    others = [desk.start("-c", "--fork", "-p", "aside") for _ in range(5)]
    assert [other.wait() for other in others] == [0] * 5
    busy.go.set()
    assert first.wait() == 0
    agents = sorted(path.name for path in (desk.session / "agents").iterdir())
    assert agents == ["f1", "f2", "f3", "f4", "f5", "main"]
    for name in agents[:-1]:
        entries = read_history(desk.session / f"agents/{name}/history.jsonl").entries
        assert sum(isinstance(entry.body, Assistant) for entry in entries) == 1
    assert check_session(desk.session) == []


async def test_the_holder_cannot_move_to_a_fork_that_is_not_its_own(project: Path) -> None:
    with den(project, {"main": [reply("hello")]}) as home:
        session = home.open()
        await home.turn("go")
        around = home.around()
        other = fork_of_held(around, session.id, MAIN, None)
        assert other.agent.id == "f1"
        with pytest.raises(HeldError, match="f1 of session"):
            go(session, "f1")
        with pytest.raises(HeldError, match="main of session"):
            go(other, "main")
        await other.close()
        go(session, "f1")
        assert session.agent.id == "f1"
        with pytest.raises(ForkError, match="no checkpoint 999"):
            fork_of_held(around, session.id, AgentId("main"), Seq(999))
        await around.workspace.close()
        await home.close()
        home.sound()


async def test_forks_of_such_a_fork_work_and_merge_while_the_holder_works(project: Path) -> None:
    def script(request: Json) -> Reply:
        if whose(request) == "f2":
            done = "new.txt" in newest(request)
            return reply("ok") if done else reply(call("write", path="new.txt", content="x\n"))
        return [reply("hello"), reply(forks("write a file")), reply("both done")][answers(request)]

    with den(project, script) as home:
        session = home.open()
        await home.turn("go")
        other = fork_of_held(home.around(), session.id, MAIN, None)
        end = await prompt_turn(other.agent, other.rig, Prompt("on", ({"type": "text", "text": "on"},)))
        assert end.status == "done"
        assert (project / "new.txt").read_text() == "x\n"
        await other.close()
        await other.around.workspace.close()
        await other.around.model.close()
        await home.close()
        home.sound()

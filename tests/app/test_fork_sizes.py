"""What a fork adds before its first step: little on the disk, little in memory, whatever its parent's length."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fork_kit import Den, den, forks

from forkcli.core.entries import Assistant, Body, Checkpoint, Prompt, ToolResult, ToolStart, Usage
from forkcli.core.ids import CallId
from forkcli.core.messages import Json, text_block
from forkcli.engine.agent import Agent
from forkcli.engine.ports import ForkOrder, ModelRequest, Task
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import call, reply

STEPS = 2000
DISK = 16 * 1024
MEMORY = 256 * 1024


def grow(agent: Agent, steps: int) -> None:
    """Give an agent a past of so many steps."""
    bodies: list[Body] = [Prompt("begin", (text_block("begin"),)), Checkpoint("<checkpoint/>", 1, 1_000_000)]
    for n in range(steps):
        key = CallId(f"toolu_{n}")
        use = {"type": "tool_use", "id": key, "name": "read", "input": {"path": f"file{n}.py"}}
        bodies += [
            Assistant((use,), "tool_use", Usage(1, 20, 100 * n, 100), "claude-opus-5-5"),
            ToolStart(key, "read"),
            ToolResult(key, "read", (text_block(f"the text of file {n} " * 10),)),
            Checkpoint(f'<checkpoint n="{n}"/>', 100 * n, 1_000_000),
        ]
    agent.record(*bodies, Assistant((text_block("Ready."),), "end_turn", Usage(1, 1), "claude-opus-5-5"))


def disk(folder: Path) -> int:
    """Bytes of the files of an agent, its workspace apart."""
    files = (path for path in folder.rglob("*") if path.is_file() and "layers" not in path.parts)
    return sum(path.stat().st_size for path in files)


class Parked(AnthropicModel):
    """An endpoint that never begins to answer."""

    waiting = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Json, None]:
        self.waiting += 1
        await asyncio.sleep(60)
        yield dict(request.context.messages[-1].content[0])


async def held(home: Den, count: int, steps: int, results: int = 0) -> int:
    """Bytes of memory that each of `count` forks adds until its first request would leave."""
    session = home.open()
    rig, parked = session.rig, Parked(api_key="test", base_url=home.server.base_url)
    session.around = replace(session.around, model=parked)
    session.fleet.nursery = replace(session.fleet.nursery, around=session.around)  # type: ignore[type-var]
    rig.model = parked
    grow(session.agent, steps)
    asks = [call("read", path=f"{n}") for n in range(results)] + [call("fork")]
    session.agent.record(Assistant(tuple(asks), "tool_use", Usage(1, 1), "claude-opus-5-5"))
    for ask in asks[:-1]:
        session.agent.record(ToolResult(CallId(ask["id"]), "read", (text_block("0123456789" * 3000),)))
    tasks = tuple(Task(f"task {n}: look after it well") for n in range(count + 1))
    await session.fleet.order(session.agent, rig, None, ForkOrder(tasks[:1]))  # what is loaded only once
    await until(lambda: parked.waiting == 1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    await session.fleet.order(session.agent, rig, CallId(asks[-1]["id"]), ForkOrder(tasks[1:]))
    await until(lambda: parked.waiting == count + 1)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    await home.close()
    return used // count


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("steps", [3, STEPS])
def test_a_fork_adds_little_to_disk_and_memory_whatever_its_parents_length(project: Path, steps: int) -> None:
    with den(project, {}, parallel=40) as home:
        assert asyncio.run(held(home, 16, steps)) <= MEMORY
        assert max(disk(home.folder / "agents" / f"f{n}") for n in range(2, 18)) <= DISK


def test_large_results_beside_the_fork_are_not_copied_into_each_fork(project: Path) -> None:
    with den(project, {}, parallel=40) as home:
        assert asyncio.run(held(home, 32, 3, results=30)) <= MEMORY
        assert max(disk(home.folder / "agents" / f"f{n}") for n in range(2, 34)) <= DISK
        assert (home.folder / "agents/f2/context.jsonl").read_text().count('"shared":true') == 30


def test_a_fork_that_resumed_shows_its_whole_context_again(project: Path) -> None:
    plan = {"main": [reply(call("read", path="README.md"), forks("a")), reply("Done.")]}
    with den(project, plan) as home:
        assert home.ask().status == "done"
        sent = home.requests("f1")[0].body["messages"]
        assert '"shared":true' in (home.folder / "agents/f1/context.jsonl").read_text()
        assert [message.raw for message in home.history("f1").messages][-2].count(b"# A project") == 1
        assert len(home.history("f1").messages) == len(sent) + 1
        home.sound()

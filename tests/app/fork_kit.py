"""An open session in this process, with a scripted model that answers each agent by its own script."""

import asyncio
import gc
import re
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from forkcli.app.crew import Surroundings
from forkcli.app.nursery import ForkNursery
from forkcli.app.parts import NobodyToAsk
from forkcli.app.session import Session, new_session, resume_session
from forkcli.config import Settings
from forkcli.core.decide import Finish
from forkcli.core.entries import Agent, Assistant, Body, Checkpoint, Entry, Prompt, Report, ToolResult, ToolStart, Usage
from forkcli.core.events import Event, Warned
from forkcli.core.history import History
from forkcli.core.ids import CallId, SessionId
from forkcli.core.messages import Block, Json, dump, text_block, text_of
from forkcli.engine.agent import Approvals, Stop
from forkcli.engine.limiter import Limiter
from forkcli.engine.loop import prompt_turn, resume_turn
from forkcli.engine.ports import ForkOrder, ModelRequest, Task
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Reply, ScriptedServer, call, reply
from forkcli.models.scripted.cache import BYTES_PER_TOKEN
from forkcli.models.scripted.record import Recorded
from forkcli.store.agent_files import folded, read_agent
from forkcli.store.check import check_session
from forkcli.store.scratch import Scratch
from forkcli.workspace.base import open_workspace

YOU = re.compile(r"You are ([fs]\d+)(?: now, a fork of|, a new agent that) (\w+)")
Scripts = Mapping[str, Sequence[Reply] | Callable[[Json, int], Reply]]


def whose(request: Json) -> str:
    """The agent that a request is of: the newest one that it is told to be."""
    found = YOU.findall("\n".join(block_text(b) for m in request["messages"] if m["role"] == "user" for b in blocks(m)))
    return found[-1][0] if found else "main"


def blocks(message: Json) -> list[Block]:
    return message["content"] if isinstance(message["content"], list) else [text_block(message["content"])]


def block_text(block: Block) -> str:
    inner = block.get("content")
    return text_of(inner) if isinstance(inner, list) else str(block.get("text", ""))


def newest(request: Json) -> str:
    """The text of the request's last message."""
    return "\n".join(block_text(block) for block in blocks(request["messages"][-1]))


def answers(request: Json) -> int:
    return sum(message["role"] == "assistant" for message in request["messages"])


def by_agent(scripts: Scripts, other: Callable[[str], Reply] | None = None) -> Callable[[Json], Reply]:
    """A script for each agent, by how many answers of its own a request holds. Agents without one get `other`."""

    def script(request: Json) -> Reply:
        name = whose(request)
        if name not in scripts:
            return other(name) if other else reply(f"{name} is done.")
        plan = scripts[name]
        step = answers(request) - past(request, name)
        return plan(request, step) if callable(plan) else plan[step]

    return script


def past(request: Json, name: str) -> int:
    """How many answers a fork has from the time before it."""
    if name == "main" or name.startswith("s"):
        return 0
    count = 0
    for message in request["messages"]:
        if message["role"] == "user" and any(f"You are {name} now" in block_text(b) for b in blocks(message)):
            return count
        count += message["role"] == "assistant"
    raise AssertionError(f"{name} is never told who it is")


def forks(*tasks: str | Json, **more: object) -> Block:
    """A call of `fork`."""
    return call("fork", tasks=[{"task": task} if isinstance(task, str) else task for task in tasks], **more)


def spawns(*tasks: str | Json, brief: str = "the brief", **more: object) -> Block:
    """A call of `spawn`."""
    return call(
        "spawn", brief=brief, tasks=[{"task": task} if isinstance(task, str) else task for task in tasks], **more
    )


@dataclass(slots=True)
class Den:
    """A project, a scripted model, and sessions in this process."""

    project: Path
    server: ScriptedServer
    settings: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    session: Session | None = None

    def around(self) -> Surroundings:
        scratch = Scratch(self.project)
        scratch.ensure()
        given = {"max_steps": None, **self.settings}
        settings = Settings(cwd=self.project, project=self.project, base_url=self.server.base_url, **given)
        return Surroundings(
            settings,
            scratch,
            AnthropicModel(api_key="test", base_url=self.server.base_url),
            open_workspace(self.project, ()),
            Approvals(NobodyToAsk()),
            Limiter(),
            self.events.append,
        )

    def open(self, session: str | None = None) -> Session:
        """A new session, or a named one."""
        around = self.around()
        self.session = new_session(around) if session is None else resume_session(around, SessionId(session))
        return self.session

    async def stop(self, turn: "asyncio.Task[Finish]", by: Literal["user", "signal", "limit"] = "signal") -> Finish:
        """Stop a turn that runs, and wait for its end."""
        assert self.session is not None
        self.session.agent.halt(Stop(by, "stopped by a test"))
        return await turn

    async def close(self) -> None:
        assert self.session is not None
        await self.session.close()
        await self.session.around.workspace.close()
        await self.session.around.model.close()

    async def turn(self, text: str = "go") -> Finish:
        assert self.session is not None
        return await prompt_turn(self.session.agent, self.session.rig, Prompt(text, (text_block(text),)))

    async def again(self) -> Finish:
        assert self.session is not None
        return await resume_turn(self.session.agent, self.session.rig, "test")

    def ask(self, text: str = "go") -> Finish:
        """Open a session, answer one prompt, close it."""

        async def run() -> Finish:
            self.open()
            try:
                return await self.turn(text)
            finally:
                await self.close()

        return asyncio.run(run())

    def resume(self) -> Finish:
        """Open the newest session and finish its turn."""

        async def run() -> Finish:
            self.open(self.folder.name)
            try:
                return await self.again()
            finally:
                await self.close()

        return asyncio.run(run())

    # --- what is left -------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The newest session's."""
        return max((self.project / ".fork/sessions").iterdir(), key=lambda path: path.stat().st_ctime_ns)

    @property
    def agents(self) -> list[str]:
        return sorted(
            (path.parent.name for path in self.folder.glob("agents/*/history.jsonl")), key=lambda n: (len(n), n)
        )

    def own(self, agent: str) -> list[Entry]:
        """An agent's own entries."""
        return read_agent(self.folder / "agents" / agent).entries

    def bodies(self, agent: str, *kinds: type[Body]) -> list[Any]:
        return [entry.body for entry in self.own(agent) if not kinds or isinstance(entry.body, kinds)]

    def line_one(self, agent: str) -> Agent:
        found: Agent = self.bodies(agent, Agent)[0]
        return found

    def history(self, agent: str) -> History:
        folder = self.folder / "agents" / agent
        return folded(folder, read_agent(folder))

    def results(self, agent: str = "main") -> list[str]:
        """The texts of the tool results of an agent's own."""
        return [text_of(body.content) for body in self.bodies(agent, ToolResult)]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]

    def requests(self, agent: str) -> list[Recorded]:
        return [request for request in self.server.requests if whose(request.body) == agent]

    def sound(self) -> None:
        """The files are whole, the API refused nothing, and no context differs from its history."""
        assert check_session(self.folder) == []
        assert self.server.refusals == []


@contextmanager
def den(project: Path, script: Scripts | Callable[[Json], Reply], **options: Any) -> Iterator[Den]:
    """A den whose model answers by a script, or by one for each agent. `options` are settings, or the server's."""
    told = {name: options.pop(name) for name in ("cache", "check", "keep", "models") if name in options}
    with ScriptedServer(script if callable(script) else by_agent(script), **told) as server:
        yield Den(project, server, options)


def unmarked(value: Any) -> Any:
    """A request's part without cache marks."""
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def unread(request: Recorded) -> int:
    """Tokens of a request that did not come from the cache."""
    usage = request.usage or {}
    return int(usage["input_tokens"]) + int(usage["cache_creation_input_tokens"])


def size(*values: object) -> int:
    """Tokens of blocks, by the server's count."""
    return sum(len(dump(value)) for value in values) // BYTES_PER_TOKEN


# --- what a fork adds ------------------------------------------------------------------------------------------------


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
    nursery = session.fleet.nursery
    assert isinstance(nursery, ForkNursery)
    session.fleet.nursery = replace(nursery, around=session.around)
    rig.model = parked
    grow(session.agent, steps)
    asks = [call("read", path=f"{n}") for n in range(results)] + [call("fork")]
    session.agent.record(Assistant(tuple(asks), "tool_use", Usage(1, 1), "claude-opus-5-5"))
    for ask in asks[:-1]:
        session.agent.record(ToolResult(CallId(ask["id"]), "read", (text_block("0123456789" * 3000),)))
    tasks = tuple(Task(f"task {n}: look after it well") for n in range(count + 1))
    await session.fleet.order(session.agent, rig, None, ForkOrder(tasks[:1]))  # what is loaded only once
    await until(lambda: parked.waiting == 1)
    for wanted in session.merging.wanted.values():
        wanted.set()
    await asyncio.gather(*session.merging.bases.values(), *session.merging.taking)
    session.merging.put_off_s = 60  # what the files are is noted for all forks at once, when one of them writes
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


HOLD = Reply([], delay_s=60)


def reports(home: Den, agent: str = "main") -> dict[str, Report]:
    return {report.agent: report for report in home.bodies(agent, Report)}


async def until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)

"""What the engine's tests stand on: an agent with real files, a model and tools made of functions."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forkcli.core.budget import Limits
from forkcli.core.decide import Finish
from forkcli.core.entries import HISTORY_VERSION, Body, Prompt, ToolResult, Usage
from forkcli.core.entries import Agent as LineOne
from forkcli.core.events import Event
from forkcli.core.history import History
from forkcli.core.ids import MAIN, SessionId
from forkcli.core.messages import Block, Json, text_block, text_of
from forkcli.engine.agent import Agent, Approvals
from forkcli.engine.jobs import AgentJobs
from forkcli.engine.limiter import Limiter
from forkcli.engine.loop import prompt_turn
from forkcli.engine.patience import Patience
from forkcli.engine.ports import (
    Answer,
    Model,
    ModelError,
    ModelLimits,
    ModelRequest,
    Question,
    Tool,
    ToolEnv,
    ToolOutcome,
)
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.store.agent_files import create_agent
from forkcli.store.check import check_agent
from forkcli.workspace.base import open_workspace

Step = Sequence[Block] | ModelError | Json


def use(name: str, key: str, **args: object) -> Block:
    return {"type": "tool_use", "id": key, "name": name, "input": args}


@dataclass
class Plays:
    """A model that gives its steps in order: blocks, an error, or an answer with `content`, `stop` and `usage`."""

    steps: list[Step]
    window: int = 200_000
    price: float = 0.0
    requests: list[ModelRequest] = field(default_factory=list)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Json, None]:
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, ModelError):
            raise step
        given = step if isinstance(step, dict) else {"content": step}
        content = given["content"]
        stop = given.get("stop") or ("tool_use" if any(b["type"] == "tool_use" for b in content) else "end_turn")
        usage = {"input_tokens": 10, "output_tokens": 5, **given.get("usage", {})}
        message = {"id": "msg", "model": request.model, "usage": usage, "content": []}
        yield {"type": "message_start", "message": message}
        for index, block in enumerate(content):
            yield {"type": "content_block_start", "index": index, "content_block": block}
            yield {"type": "content_block_stop", "index": index}
        yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}
        yield {"type": "message_stop"}

    async def limits(self, model: str) -> ModelLimits:
        return ModelLimits(self.window, 8000)

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        return self.price


@dataclass
class Does:
    """A tool that is a function of its input and environment."""

    name: str
    does: Callable[[Json, ToolEnv], Awaitable[str]]
    reads: bool = False

    @property
    def schema(self) -> Block:
        return {"name": self.name, "description": "", "input_schema": {"type": "object"}}

    def only_reads(self, args: Json) -> bool:
        return self.reads

    def check(self, args: Json) -> Json:
        if "wrong" in args:
            raise ForkError("the field `wrong` is unknown", "leave it out")
        return args

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        return ToolOutcome((text_block(await self.does(args, env)),))


@dataclass
class Asked:
    """A person with answers ready."""

    answers: list[Answer]
    interactive: bool = True
    questions: list[Question] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.answers.pop(0)

    async def inquire(self, _agent: str, _text: str) -> str | None:
        return None


@dataclass
class Bench:
    """An agent, its rig, and what was told of it."""

    agent: Agent
    rig: Rig
    events: list[Event]

    async def turn(self, text: str = "go") -> Finish:
        return await prompt_turn(self.agent, self.rig, Prompt(text, (text_block(text),)))

    def bodies(self, *kinds: type[Body]) -> list[Any]:
        return [e.body for e in self.agent.history.entries if not kinds or isinstance(e.body, kinds)]

    def results(self) -> dict[str, str]:
        """Call ids and the texts of their results, in the order in which they were recorded."""
        return {body.call: text_of(body.content) for body in self.bodies(ToolResult)}

    def whole(self) -> bool:
        """Whether the files say what the agent holds."""
        return not check_agent(self.agent.files.folder)


def make_bench(
    place: Path,
    model: Model,
    tools: Sequence[Tool] = (),
    *,
    ask: Asked | None = None,
    limits: Limits | None = None,
    patience: Patience | None = None,
    more: Mapping[str, Any] | None = None,
) -> Bench:
    """An agent at work in `place`."""
    events: list[Event] = []
    folder = place / ".fork/sessions/20261122-0925-k3f/agents/main"
    folder.parent.mkdir(parents=True, mode=0o700)
    agent = Agent(MAIN, create_agent(folder), History(), events.append)
    jobs = AgentJobs(agent.told.append)
    agent.record(
        LineOne(HISTORY_VERSION, SessionId("20261122-0925-k3f"), MAIN, "main", str(place), "m", None, (), (), "0.1.0")
    )
    rig = Rig(
        model=model,
        tools={tool.name: tool for tool in tools},
        workspace=open_workspace(place, begin=False),
        jobs=jobs,
        approvals=Approvals(ask or Asked([], interactive=False)),
        emit=events.append,
        cwd=str(place),
        limits=limits or Limits(),
        **{"limiter": Limiter(patience or Patience()), **(more or {})},
    )
    return Bench(agent, rig, events)

"""The protocols at the engine's rim. `store`, `workspace`, `models`, `tools` and `ui` fill them; `app` joins them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from forkcli.core.entries import Access, Body, Entry, Interview, Merge, ToolFacts
from forkcli.core.events import Event
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.messages import Block, Json, Message
from forkcli.engine.model_port import Model, ModelError, ModelFault, ModelLimits, ModelRequest
from forkcli.engine.space import Command, CommandEnd, FileStat, RunningCommand, Workspace
from forkcli.errors import ForkError

__all__ = [
    "AGENT_TOOLS",
    "AgentFiles",
    "Answer",
    "Ask",
    "Command",
    "CommandEnd",
    "Emit",
    "FileStat",
    "ForkOrder",
    "Jobs",
    "Model",
    "ModelError",
    "ModelFault",
    "ModelLimits",
    "ModelRequest",
    "Question",
    "RewindOrder",
    "RunningCommand",
    "Task",
    "Tool",
    "ToolEnv",
    "ToolOutcome",
    "Workspace",
    "no_forks",
    "no_merges",
    "no_post",
    "no_rewinds",
]

Emit = Callable[[Event], None]


# --- the files ------------------------------------------------------------------------------------------------------


class AgentFiles(Protocol):
    """The files of one agent: its history, and what is derived from it."""

    @property
    def folder(self) -> Path:
        """`.fork/sessions/<session>/agents/<agent>`, absolute."""
        ...

    def append(self, bodies: Sequence[Body], *, sync: bool) -> list[Entry]:
        """Append entries to the history, numbered and timed; with `sync` they are on disk when it returns.

        Raises ForkError(STORAGE) when they could not be written; nothing half-written stays.
        """
        ...

    def derive(self, entries: Sequence[Entry], messages: Sequence[Message]) -> None:
        """Bring transcript.md and context.jsonl up to date: new entries, and the context's new messages."""
        ...

    def rebuild(self, history: History) -> None:
        """Make context.jsonl again after a rewind."""
        ...

    def new_output(self, stem: str, suffix: str = ".txt") -> Path:
        """A path under `outputs/` that no file has yet; its folder exists."""
        ...

    def write_report(self, text: str) -> None:
        """Keep the agent's last report as report.md."""
        ...

    def take_inbox(self) -> list[tuple[str, str, str]]:
        """New messages as (sender, text, file name), oldest first; each is handed out once."""
        ...

    def inbox_done(self, names: Sequence[str]) -> None:
        """The named messages are in the history; they stay as files but are not handed out again."""
        ...

    def close(self) -> None:
        """Let go of the files; nothing is lost."""
        ...


# --- tools ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked before a command leaves the sandbox: exactly the bytes that will run."""

    agent: AgentId
    what: Literal["net", "unsandboxed", "shell"]
    command: str
    why: str = ""
    cwd: str = ""  # where it will run, as it is shown; empty for the project's root


Answer = Literal["once", "always", "no"]


class Ask(Protocol):
    """Whoever can answer for the user."""

    @property
    def interactive(self) -> bool:
        """False in a pipe: then nothing is asked and everything not allowed by a flag is refused."""
        ...

    async def ask(self, question: Question, /) -> Answer: ...

    async def inquire(self, agent: AgentId, text: str, /) -> str | None:
        """The person's answer, in their own words, to what an agent asks; None where they do not answer."""
        ...


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool call came to."""

    content: tuple[Block, ...]
    is_error: bool = False
    facts: ToolFacts = field(default_factory=ToolFacts)


@dataclass(frozen=True, slots=True)
class Task:
    """One fork as the model or the user orders it."""

    task: str
    access: Access = "write"
    max_steps: int | None = None


@dataclass(frozen=True, slots=True)
class ForkOrder:
    """What a call of `fork` asks for."""

    tasks: tuple[Task, ...]
    wait: bool = True
    merge: Literal["auto", "none"] = "auto"


@dataclass(frozen=True, slots=True)
class SpawnOrder:
    """What a call of `spawn` asks for; `model` is empty for the caller's own."""

    brief: str
    tasks: tuple[Task, ...]
    interview: Interview = "fork"
    model: str = ""
    wait: bool = True
    merge: Literal["auto", "none"] = "auto"


@dataclass(frozen=True, slots=True)
class RewindOrder:
    """What a call of `rewind` asks for."""

    to: int  # a checkpoint's number
    report: str
    files: Literal["keep", "restore"] = "keep"


async def no_rewinds(_wanted: RewindOrder) -> None:
    """Where nobody can rewind."""
    raise ForkError("nothing can be rewound here")


async def no_forks(_wanted: ForkOrder) -> None:
    """Where no fleet is."""
    raise ForkError("no agents can be started here")


async def no_spawns(_wanted: SpawnOrder) -> None:
    """Where no fleet is."""
    raise ForkError("no agents can be started here")


async def no_merges(_agent: str) -> Merge:
    """Where no fleet is."""
    raise ForkError("there are no forks here")


async def no_post(_to: str, _text: str) -> str:
    """Where no other agents are."""
    raise ForkError("nobody can be written to here")


@dataclass(slots=True)
class ToolEnv:
    """What a tool may use: made by the engine for each call."""

    agent: AgentId
    workspace: Workspace
    files: AgentFiles
    access: Access
    net: bool  # network was allowed by a flag or a command of the user
    cwd: str  # where the agent's shell stands, absolute
    approve: Callable[[Question], Awaitable[bool]]  # asks, records the answer, remembers `always`
    output: Callable[[str], None]  # live output for the screen
    jobs: "Jobs"
    fork: Callable[[ForkOrder], Awaitable[None]] = no_forks  # the order goes on record; the fleet answers the call
    spawn: Callable[[SpawnOrder], Awaitable[None]] = no_spawns  # the same for new agents without a past
    merge: Callable[[str], Awaitable[Merge]] = no_merges  # brings the files of a child that kept them
    rewind: Callable[[RewindOrder], Awaitable[None]] = no_rewinds  # takes the head back; nothing is left to answer then
    send: Callable[[str, str], Awaitable[str]] = no_post  # to, text: what became of the message
    ask: Callable[[str, str], Awaitable[str]] = no_post  # to, question: the answer
    attended: bool = True  # someone can be asked; if not, `approve` always refuses


class Jobs(Protocol):
    """The background jobs of one agent."""

    def start(self, running: RunningCommand, command: str, output_file: Path) -> str:
        """Take over a running command; returns its id (`j1`, …). Its end reaches the agent as a message."""
        ...

    async def look(self, job: str, seconds: float) -> CommandEnd | None:
        """Wait so long for a job that was just started: its end, of which no message follows then, or None."""
        ...

    async def stop(self, job: str) -> CommandEnd:
        """Kill a job. Raises ForkError for an unknown id."""
        ...


# Tools that start agents or rewind: run after an answer's other calls, and answered by what they bring about.
AGENT_TOOLS = frozenset({"fork", "spawn", "rewind"})


class Tool(Protocol):
    """One tool of the model."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> Block:
        """`{name, description, input_schema}` as it is sent."""
        ...

    def only_reads(self, args: Json) -> bool:
        """Whether a call with this input changes nothing, so that it may run beside others."""
        ...

    def check(self, args: Json) -> Json:
        """The input with its defaults; ForkError names the field that is unknown, missing or of a wrong type."""
        ...

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome | None:
        """Carry out a checked call. A ForkError becomes a result the model reads. None: it is answered elsewhere."""
        ...

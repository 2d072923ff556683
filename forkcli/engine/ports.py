"""The protocols at the engine's rim. `store`, `workspace`, `models`, `tools` and `ui` fill them; `app` joins them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from forkcli.core.context import Context
from forkcli.core.entries import Access, Body, Entry, Merge, ToolFacts, Usage
from forkcli.core.events import Event
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.messages import Block, Json, Message
from forkcli.errors import ForkError

Emit = Callable[[Event], None]


# --- the model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model: the context, and what is not part of the context."""

    context: Context
    model: str
    effort: str | None
    max_tokens: int
    pins: tuple[tuple[int, int], ...] = ()  # (message, block) that get a cache mark besides the two tails


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Sizes of a model, in tokens; `known` is false when they are a guess."""

    window: int
    max_output: int
    known: bool = True


class ModelFault(Enum):
    """Why a call gave no answer. The first three are worth sending again."""

    OVERLOADED = "overloaded"  # 429, 5xx, 529
    BROKEN = "broken"  # the stream broke, stalled, or ended before its message did
    UNREACHABLE = "unreachable"  # no connection could be made at all
    AUTH = "auth"  # no key, a key that is refused, no permission
    NO_MODEL = "no_model"  # the model's name does not exist there
    TOO_LONG = "too_long"  # the request is larger than the window or the endpoint takes
    REQUEST = "request"  # any other refusal of the request
    SPENT = "spent"  # a spending cap or an empty balance: waiting does not help


class ModelError(Exception):
    """A model call that gave no answer: one sentence; `retry_after` in seconds where the server named it."""

    def __init__(
        self, fault: ModelFault, sentence: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.fault = fault
        self.sentence = sentence
        self.status = status
        self.retry_after = retry_after

    @property
    def worth_retrying(self) -> bool:
        """Whether the same request may succeed later."""
        return self.fault in {ModelFault.OVERLOADED, ModelFault.BROKEN, ModelFault.UNREACHABLE}


class Model(Protocol):
    """An endpoint that speaks the Messages API."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Json, None]:
        """The API's stream events as JSON objects, `message_stop` last; raises ModelError, also for a cut stream.

        The first event may be `{"type": "request_id", "request_id": …}`. Closing the iterator closes the connection.
        """
        ...

    async def limits(self, model: str) -> ModelLimits:
        """The model's sizes: asked for once, from a built-in table where the endpoint does not say."""
        ...

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What a call cost, in US dollars; None where no price is known."""
        ...


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


# --- the workspace --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run in the workspace."""

    script: str  # handed to `bash -c`
    cwd: str  # absolute
    timeout_s: float | None = None  # None: until it ends or is stopped
    net: bool = False
    sandboxed: bool = True
    access: Access = "write"
    spool: Path | None = None  # file for the whole output; it is only made when the output outgrows the ring
    spool_at_once: bool = False  # make it at the start and write every byte as it comes (background jobs)


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended. `head` and `tail` are decoded with replacement; `total` counts bytes of stdout and stderr.

    When the output fits the ring, `head` holds all of it and `tail` is empty.
    """

    exit_code: int | None  # None: it was killed
    head: str
    tail: str
    total: int
    spooled: bool  # the spool file holds the output (up to its cap)
    cwd: str | None  # where the shell stood at its end
    timed_out: bool = False
    capped: bool = False  # the output went over the cap and the command was stopped
    seconds: float = 0.0


class RunningCommand(Protocol):
    """A command on its way."""

    async def wait(self) -> CommandEnd:
        """Until its end. Cancelling the wait kills the command and all it started."""
        ...

    def kill(self) -> None:
        """Kill it and all it started."""
        ...


@dataclass(frozen=True, slots=True)
class FileStat:
    """What lies at a path."""

    kind: Literal["file", "dir", "other", "absent"]
    size: int = 0
    mode: int = 0  # permission bits
    mtime_ns: int = 0


class Workspace(Protocol):
    """The files and processes of one agent. Paths given to it are relative to the root or absolute beneath a root.

    File methods resolve in the kernel beneath the root (or an added directory): a symbolic link cannot lead out.
    They raise ForkError with a sentence the model can read.
    """

    @property
    def root(self) -> Path:
        """The project's directory, absolute."""
        ...

    @property
    def known(self) -> bool:
        """Whether `sandbox` and `contained` can be told without waiting for the sandbox to be tried."""
        ...

    @property
    def sandbox(self) -> str:
        """How commands are contained, in a word or two: `bubblewrap`, or `none (why)`."""
        ...

    @property
    def contained(self) -> bool:
        """Whether there is a working sandbox."""
        ...

    def relative(self, path: str) -> str:
        """`path` as it is shown: relative to the root where it is beneath it."""
        ...

    def stat(self, path: str) -> FileStat: ...

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """At most `limit` bytes of a regular file, from byte `offset`; fewer only at its end."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, directories with a trailing slash, sorted."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file atomically, keeping the mode of the one it replaces; makes parent directories.

        Refuses `.git`, and `.fork` but for `.fork/notes/`.
        """
        ...

    async def start(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> RunningCommand:
        """Start a command in a fresh shell with no input. Raises ForkError when it cannot be contained as asked."""
        ...

    async def close(self) -> None:
        """End everything that still runs."""
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


async def no_merges(_agent: str) -> Merge:
    """Where no fleet is."""
    raise ForkError("there are no forks here")


@dataclass(slots=True)
class ToolEnv:
    """What a tool may use: made by the engine for each call."""

    agent: AgentId
    call_id: str
    workspace: Workspace
    files: AgentFiles
    access: Access
    net: bool  # network was allowed by a flag or a command of the user
    cwd: str  # where the agent's shell stands, absolute
    approve: Callable[[Question], Awaitable[bool]]  # asks, records the answer, remembers `always`
    output: Callable[[str], None]  # live output for the screen
    jobs: "Jobs"
    fork: Callable[[ForkOrder], Awaitable[None]] = no_forks  # the order goes on record; the fleet answers the call
    merge: Callable[[str], Awaitable[Merge]] = no_merges  # brings the files of a child that kept them
    rewind: Callable[[RewindOrder], Awaitable[None]] = no_rewinds  # takes the head back; nothing is left to answer then
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

    @property
    def running(self) -> dict[str, str]:
        """Ids and commands of those alive."""
        ...


# Tools that start agents or rewind: run after an answer's other calls, and answered by what they bring about.
AGENT_TOOLS = frozenset({"fork", "rewind"})


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

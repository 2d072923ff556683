"""The entries of a history: what happened to one agent, one frozen class a type. docs/history.md shows each.

An `Entry` is the envelope (number, time); its `body` is one of the classes below. The codec in `store/` turns it into a
line and back; a body's JSON keys are its field names and its `type` is `TYPE`.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, get_args

from forkcli.core.asked import Asked
from forkcli.core.check_entries import Checked, Checks
from forkcli.core.ids import AgentId, CallId, Seq, SessionId
from forkcli.core.messages import Block
from forkcli.core.orders import Access, Child, Fork, Interview, Order, Spawn
from forkcli.core.returns import ChildStatus, Merge, Report, Rewind, Snapshot
from forkcli.core.usage import Usage

__all__ = [
    "BODY_TYPES",
    "HISTORY_VERSION",
    "Access",
    "AccessChange",
    "Agent",
    "AgentKind",
    "Approval",
    "Assistant",
    "Body",
    "Checked",
    "Checkpoint",
    "Checks",
    "Child",
    "ChildStatus",
    "Entry",
    "Failure",
    "Fork",
    "Interrupt",
    "Interview",
    "Merge",
    "Message",
    "ModelChange",
    "Notice",
    "Order",
    "Prompt",
    "Report",
    "Resume",
    "Rewind",
    "Snapshot",
    "Spawn",
    "ToolFacts",
    "ToolResult",
    "ToolStart",
    "Usage",
]

HISTORY_VERSION = 1

AgentKind = Literal["main", "fork", "spawn", "abandoned"]


@dataclass(frozen=True, slots=True)
class Agent:
    """Line 1: what the agent is, and the system prompt and tools that every agent of the session sends, verbatim.

    A fork's line 1 leaves `system` and `tools` empty: they are those of its parent.
    """

    TYPE: ClassVar = "agent"
    v: int
    session: SessionId
    agent: AgentId
    kind: AgentKind
    project: str
    model: str
    effort: str | None
    system: tuple[Block, ...]
    tools: tuple[Block, ...]
    made_by: str  # the version of fork that made it
    access: Access = "write"
    net: bool = False
    parent: AgentId | None = None  # of a fork: whose history goes before this one; of a spawned agent: who spawned it
    from_seq: Seq | None = None  # of a fork: the last entry of the parent's that it shares; a spawned one shares none
    call: CallId | None = None  # the parent's call that made it, if the model did
    task: str = ""
    depth: int = 0  # agents above it
    max_steps: int | None = None
    interview: Interview | None = None  # of a spawned agent: who answers what it asks before it starts
    reports_to: AgentId | None = None  # who gets its report, where that is not its parent
    answers: str = ""  # of a fork that only answers questions: who asks, an agent's id or "user"

    @property
    def above(self) -> AgentId | None:
        """Who ordered it, gets its report, and sees the files that its own begin with."""
        return self.reports_to or self.parent


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person or a program asked: `text` as typed, `blocks` as the model gets it (with project context, data).

    A spawned agent is told its `brief` first; `task` lets it begin to work.
    """

    TYPE: ClassVar = "prompt"
    text: str
    blocks: tuple[Block, ...]
    source: Literal["repl", "argument", "pipe", "brief", "task", "report"] = "repl"
    files: tuple[str, ...] = ()  # where data too long for the context lies whole


@dataclass(frozen=True, slots=True)
class Message:
    """A message that reached this agent while it ran: from the user (steering), a relative, or a background job."""

    TYPE: ClassVar = "message"
    sender: str  # "user", an agent's id, or a job's id
    text: str
    file: str | None = None  # the inbox file it came from
    job: str | None = None  # the background job whose end it tells


RAN = "The user ran `"  # begins the notice of a command that the user ran with `!`


@dataclass(frozen=True, slots=True)
class Notice:
    """fork's own words to the model; they travel in the next user-role message, and cause one only if `asks`."""

    TYPE: ClassVar = "notice"
    text: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Seals the user-role message that the entries before it make up; its own `seq` is the checkpoint's number.

    `marker` is the text that the message ends with, recorded and never computed again.
    """

    TYPE: ClassVar = "checkpoint"
    marker: str
    context_tokens: int  # estimate of the request's size, in tokens
    window: int  # the model's context window, in tokens


@dataclass(frozen=True, slots=True)
class Assistant:
    """One answer of the model. `content` holds its complete blocks as they came; `lost` what a cut left incomplete."""

    TYPE: ClassVar = "assistant"
    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    model: str
    message_id: str = ""
    request_id: str = ""
    ms: int = 0
    cost_usd: float | None = None
    cut: bool = False  # the stream was stopped by a person or a signal, what had come is kept
    lost: tuple[Block, ...] = ()
    stop_details: Block | None = None


@dataclass(frozen=True, slots=True)
class ToolStart:
    """The durable intent to run a call. A call with a start and no result was lost: it is never run twice."""

    TYPE: ClassVar = "tool_start"
    call: CallId
    name: str


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What a tool's outcome means to fork and to the screen, beyond the text that the model reads."""

    exit_code: int | None = None
    cwd: str | None = None  # where the agent's shell stands now, absolute
    output_file: str | None = None  # the whole output, when the context holds only its head and tail
    changed: tuple[str, ...] = ()  # files that write or edit changed, relative to the project
    diff: str | None = None  # unified diff of such a change, for the screen
    job: str | None = None  # id of the background job that was started or stopped
    job_over: bool = False  # that job has ended, and this result is what tells it


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call came to. `content` are the text and image blocks the model reads."""

    TYPE: ClassVar = "tool_result"
    call: CallId
    name: str
    content: tuple[Block, ...]
    is_error: bool = False
    ms: int = 0
    facts: ToolFacts = field(default_factory=ToolFacts)


@dataclass(frozen=True, slots=True)
class Warmed:
    """A request without an answer, so that the endpoint's cache keeps what the agent needs when it goes on."""

    TYPE: ClassVar = "warmed"
    model: str
    usage: Usage
    ms: int = 0
    cost_usd: float | None = None


Paid: TypeAlias = Assistant | Warmed  # what a model call came to, and cost


@dataclass(frozen=True, slots=True)
class Approval:
    """A question that the user answered: exactly what was to run, and the answer."""

    TYPE: ClassVar = "approval"
    call: CallId | None
    what: str  # "net", "unsandboxed" or "shell"
    command: str
    answer: Literal["once", "always", "no"]


@dataclass(frozen=True, slots=True)
class ModelChange:
    """The model or the effort is another from here on."""

    TYPE: ClassVar = "model"
    model: str
    effort: str | None


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What the agent may touch is another from here on."""

    TYPE: ClassVar = "access"
    access: Access
    net: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The turn ended in an error; `kind` is `unavailable`, `refused`, `request`, `context` or `failed`."""

    TYPE: ClassVar = "error"
    kind: str
    sentence: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The turn was stopped: by the user, by a signal, or by a limit."""

    TYPE: ClassVar = "interrupt"
    by: Literal["user", "signal", "limit"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """A process took up a turn that had been stopped or had failed."""

    TYPE: ClassVar = "resume"
    version: str


Body: TypeAlias = (
    Agent
    | Prompt
    | Message
    | Notice
    | Checkpoint
    | Assistant
    | ToolStart
    | ToolResult
    | Fork
    | Spawn
    | Snapshot
    | Warmed
    | Report
    | Merge
    | Rewind
    | Checks
    | Checked
    | Asked
    | Approval
    | ModelChange
    | AccessChange
    | Failure
    | Interrupt
    | Resume
)
BODY_TYPES: tuple[type[Body], ...] = get_args(Body)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history: its number, the UTC time it was recorded (ISO 8601), and what happened."""

    seq: Seq
    at: str
    body: Body

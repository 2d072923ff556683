"""What a screen or an output stream is told while it happens. Never the only place where a fact is kept:
every fact arrives as `Appended`, after its entry is on disk."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from forkcli.core.entries import Entry
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import Block

TurnStatus = Literal["done", "failed", "unavailable", "interrupted", "limit", "refused"]


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry is on disk."""

    agent: AgentId
    entry: Entry


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A request is about to leave; `step` counts from 1 within the turn."""

    agent: AgentId
    step: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, or of its thinking. Hostile to the terminal until sanitized."""

    agent: AgentId
    text: str
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class StepDropped:
    """What was streamed since StepStarted does not count: the stream broke and the request is sent again."""

    agent: AgentId


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool call begins to run; `call` is the tool_use block."""

    agent: AgentId
    call: Block


@dataclass(frozen=True, slots=True)
class CallOutput:
    """A piece of a running command's output, for the screen alone."""

    agent: AgentId
    call: CallId
    text: str


@dataclass(frozen=True, slots=True)
class RetryWait:
    """The API could not answer; the request is sent again in `seconds` (Esc ends the waiting)."""

    agent: AgentId
    seconds: float
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know, one sentence."""

    agent: AgentId
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """An agent tells the person something; its call, which is on record, holds the same text."""

    agent: AgentId
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent does nothing until these children have reported."""

    agent: AgentId
    children: tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The agent stopped; `sentence` says why unless it is done."""

    agent: AgentId
    status: TurnStatus
    sentence: str = ""


Event: TypeAlias = (
    Appended
    | StepStarted
    | TextDelta
    | StepDropped
    | CallStarted
    | CallOutput
    | RetryWait
    | Warned
    | Told
    | Waiting
    | TurnEnded
)

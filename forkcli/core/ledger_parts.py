"""The parts of a ledger, one frozen class each; `core/ledger.py` gathers them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from forkcli.core.entries import Merge, Report
from forkcli.core.ids import AgentId, Seq


@dataclass(frozen=True, slots=True)
class World:
    """What fork sees when it rewinds. Paths are relative to the project; None means that no snapshot tells."""

    changed: tuple[str, ...] | None = None  # files that are now other than at the checkpoint
    restored: tuple[str, ...] = ()  # files that were put back to what they were there
    left: tuple[str, ...] = ()  # files that were to be put back and were not, since somebody else had changed them
    jobs: Mapping[str, str] = field(default_factory=dict)  # background jobs alive: id -> command
    running: frozenset[AgentId] = frozenset()  # agents at work
    unread: str = ""  # what came after the report was written, in a few words
    removed: tuple[str, ...] = ()  # those of `restored` that were removed, since they were not there
    beyond: tuple[str, ...] = ()  # where files were put back: what could not be, a path (or what it is) and why, each


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the entries on one branch came to; tokens count what was sent and what was answered."""

    first: Seq
    last: Seq
    steps: int = 0
    tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Something that passed between the user and the agent."""

    what: Literal["prompt", "message", "ran", "stopped", "answered", "told", "asked", "reply"]
    text: str
    files: tuple[str, ...] = ()

    @property
    def by_user(self) -> bool:
        """Whether these are the user's own words, which are told verbatim."""
        return self.what in {"prompt", "message", "reply"}


@dataclass(frozen=True, slots=True)
class Ran:
    """A command, or the call of a tool of others: how it ended, and how often it was run."""

    command: str
    exit_code: int | None = None
    ending: str = ""  # how else it ended, or what it is
    said: str = ""  # the last line of its output
    times: int = 1
    job: str = ""  # the background job that it is


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was read; of a text the lines, joined where they touch."""

    path: str
    lines: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A message or a question between agents: `answer` is what a question brought."""

    sender: str
    receiver: str
    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """An agent that was started, and what it came to."""

    agent: AgentId
    task: str
    report: Report | None = None
    merge: Merge | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The report of a rewind that itself lies after the checkpoint."""

    report: str
    author: AgentId | None
    stretch: Stretch

"""What the screen needs for going back: where one can go, what that would do, and what came of it. Data and a protocol.

A slash command returns `Rewindables`; the screen lets the user choose, asks its `Rewinder` for a plan, shows it, asks
what is to be asked, and has the rewinder carry it out. Invariant: nothing has happened before `Rewinder.rewind`.
Text in these classes is raw, as in `ports.py`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from forkcli.core.entries import Entry
from forkcli.core.file_plan import OnEdit, PathChange
from forkcli.core.ids import AgentId, Seq

What = Literal["both", "conversation", "files"]
Children = Literal["keep", "stop", "adopt"]  # adopt: their reports come to the past self


@dataclass(frozen=True, slots=True)
class StepRow:
    """A checkpoint after a prompt. Going back to it (`to` is its number) lands behind the message that it seals."""

    to: Seq
    did: str  # what the step before it did: the beginning of its text, or its tools with what they were about
    context_share: float | None = None  # 0 to 1
    at: str = ""  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class RewindRow:
    """A prompt to go back to, which lands before it, or the head that an earlier rewind left.

    `to` is what the rewinder is given; `number` is what is shown, and what `/rewind N` takes: of a prompt, its
    checkpoint. `files` are those that changed since; None as long as that was not asked.
    """

    to: Seq
    number: Seq
    at: str  # UTC, ISO 8601: of the prompt, or of the rewind that would be undone
    preview: str  # the prompt's text, or the last words of what was left
    undo: bool = False
    files: tuple[str, ...] | None = None
    steps: tuple[StepRow, ...] = ()
    prompt: Seq | None = None  # the prompt's own entry


@dataclass(frozen=True, slots=True)
class RunningChild:
    """A child of the stretch that would be left, which still runs."""

    agent: AgentId
    task: str


@dataclass(frozen=True, slots=True)
class RewindPlan:
    """What going back to `to` would do. `no_files` says why files cannot be restored at all, empty where they can.

    `jobs`: a background job ran since, so that a file that is `yours` may be its work.
    """

    to: Seq
    where: str  # "before “make it blue”", "checkpoint 12"
    steps: int  # of the stretch that would be left
    files: tuple[PathChange, ...] = ()
    beyond: tuple[str, ...] = ()  # what cannot be restored: a path and why, each
    no_files: str = ""
    jobs: bool = False
    children: tuple[RunningChild, ...] = ()


@dataclass(frozen=True, slots=True)
class RewindOrder:
    """What the user decided. `on_edit` is `stop` where no file of theirs was in the way when they were asked."""

    to: Seq
    what: What = "both"
    on_edit: OnEdit = "stop"
    children: Children = "keep"


@dataclass(frozen=True, slots=True)
class Rewound:
    """It is done. `entries` are the conversation as it stands now, of which the screen shows the end; none: it is as
    it was, only files were restored. `prompt` returns to the input line."""

    note: str  # one sentence: where one is now, and what was restored or kept
    undo: Seq | None = None  # `/rewind UNDO` takes it back
    entries: tuple[Entry, ...] = ()
    agent: str = "main"
    prompt: str = ""


class Rewinder(Protocol):
    """Carries it out. All of it raises ForkError for what a person should read."""

    async def files(self, to: Seq) -> tuple[str, ...]:
        """Paths that differ now from what they were there; asked while a row is seen whose `files` is None."""
        ...

    async def plan(self, to: Seq) -> RewindPlan:
        """What going back there would do."""
        ...

    async def rewind(self, order: RewindOrder) -> Rewound:
        """Go back. What the user changed after the plan was made is treated as `order.on_edit` says."""
        ...


@dataclass(frozen=True, slots=True)
class Rewindables:
    """Where one can go back to, oldest first, undos at their time; `to` skips the choice (`/rewind N`)."""

    rewinder: Rewinder
    rows: tuple[RewindRow, ...] = ()
    to: Seq | None = None

"""The entries of what comes back to an agent: a child's report and files, its own earlier self, and what files were.

Re-exported by `entries.py`, whose envelope they travel in.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.usage import Usage

ChildStatus = Literal["done", "failed", "stopped", "limit"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files as they were at entry `of_seq`: the id of a tree in fork's own git directory.

    `restore`: taken before fork brought the files back to an older state, or after that.
    """

    TYPE: ClassVar = "snapshot"
    of_seq: Seq
    tree: str
    excluded: tuple[str, ...] = ()  # what it does not hold: a path and why, each
    restore: Literal["", "before", "after"] = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a child handed over when it ended. Once a child: a second one of the same child counts for nothing."""

    TYPE: ClassVar = "report"
    agent: AgentId
    status: ChildStatus
    text: str
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    first_cache_share: float | None = None
    tree: str = ""  # id of the snapshot of its files when it ended; empty: it has no files of its own


@dataclass(frozen=True, slots=True)
class Merge:
    """What became of a child's files in its parent's workspace."""

    TYPE: ClassVar = "merge"
    agent: AgentId
    outcome: Literal["merged", "nothing", "kept", "conflict"]
    paths: tuple[str, ...] = ()  # changed by the merge, or in conflict
    where: str = ""  # of a conflict: the folder where the versions lie


@dataclass(frozen=True, slots=True)
class Rewind:
    """The head goes back to where it stood after entry `to` (0: to an empty context). Nothing is erased."""

    TYPE: ClassVar = "rewind"
    to: Seq
    by: Literal["user", "agent", "fork"]  # `agent`: it did so itself; `fork`: the context was full
    report: str = ""  # what the abandoned self hands over, as it was written
    told: str = ""  # the whole of what the past self reads: the report, and what happened meanwhile
    abandoned: AgentId | None = None  # the agent that the abandoned stretch became
    files: Literal["keep", "restore"] = "keep"
    restored: tuple[str, ...] = ()  # paths that are again as they were there
    call: CallId | None = None
    asks: bool = True  # whether `told` wants an answer, or waits for the next prompt
    let_go: tuple[AgentId, ...] = ()  # children at work whose reports do not come here
    removed: tuple[str, ...] = ()  # those of `restored` that are gone, since they were not there

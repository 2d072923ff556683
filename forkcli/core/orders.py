"""The entries by which agents start others: the durable intent, with the ids that it allots. Told by `entries.py`."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from forkcli.core.ids import AgentId, CallId, Seq

Access = Literal["write", "read", "full"]
Interview = Literal["fork", "self", "user", "none"]  # who answers: a fork of the parent, the parent, the person, nobody


@dataclass(frozen=True, slots=True)
class Child:
    """One fork or spawned agent as it is ordered: the id it gets, its task and its bounds."""

    agent: AgentId
    task: str
    access: Access = "write"
    max_steps: int | None = None


@dataclass(frozen=True, slots=True)
class Fork:
    """The durable intent to fork: the ids it allots, and the entry that the children's past ends with."""

    TYPE: ClassVar = "fork"
    children: tuple[Child, ...]
    from_seq: Seq
    call: CallId | None = None  # None: the user forked
    wait: bool = True
    merge: Literal["auto", "none"] = "auto"
    reports_to: AgentId | None = None  # of an onboarded agent: its workers report to the one that spawned it


@dataclass(frozen=True, slots=True)
class Spawn:
    """The durable intent to spawn: what the new agents are told, the ids they get, who answers what they ask.

    `onboarded` is interviewed once for all tasks and then forked into the children; without it each child is spawned
    by itself.
    """

    TYPE: ClassVar = "spawn"
    brief: str
    children: tuple[Child, ...]
    from_seq: Seq  # the entry whose files the children begin with
    onboarded: AgentId | None = None
    interview: Interview = "fork"
    model: str = ""  # empty: the parent's
    call: CallId | None = None  # None: the user spawned
    wait: bool = True
    merge: Literal["auto", "none"] = "auto"


Order: TypeAlias = Fork | Spawn  # what starts agents

"""The entry of a question to an agent. It never becomes part of that agent's context."""

from dataclasses import dataclass
from typing import ClassVar

from forkcli.core.ids import AgentId, CallId, Seq

USER = "user"  # the person, among those who ask and are told


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to this agent that a fork of it answers: recorded when it is put, and again with its answer."""

    TYPE: ClassVar = "asked"
    agent: AgentId  # the fork that answers
    by: str  # who asks: an agent's id, or USER
    question: str
    from_seq: Seq  # the last entry of this history that the fork's past holds
    call: CallId | None = None  # the asker's
    answer: str | None = None

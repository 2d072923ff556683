"""One agent at work: its files, its folded history, and the single way in which anything is recorded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from forkcli.core.entries import Approval, Body, Entry, Message, Rewind
from forkcli.core.events import Appended
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import Message as ContextMessage
from forkcli.engine.ports import AgentFiles, Ask, Emit, Question


@dataclass(frozen=True, slots=True)
class Stop:
    """Who ends the turn, and why."""

    by: Literal["user", "signal", "limit"]
    reason: str = ""


@dataclass(slots=True)
class Agent:
    """An agent's files and state. `record` is the only writer of its history."""

    id: AgentId
    files: AgentFiles
    history: History
    emit: Emit
    stop: Stop | None = None  # set before the turn's task is cancelled
    task: asyncio.Task[object] | None = None  # the turn that runs
    told: list[Message] = field(default_factory=list)  # messages from inside fork (jobs), not yet recorded
    woken: asyncio.Event = field(default_factory=asyncio.Event)  # a child of its has reported
    ended: bool = False  # its task is over and its files are closed: who goes on with it opens it anew

    def record(self, *bodies: Body, sync: bool = True) -> list[Entry]:
        """Append to the history, fold, derive the other files, then emit: in this order, without awaiting."""
        entries = self.files.append(bodies, sync=sync)
        added: list[ContextMessage] = []
        for entry in entries:
            added.extend(self.history.add(entry))
        if any(isinstance(body, Rewind) for body in bodies):
            self.files.derive(entries, [])
            self.files.rebuild(self.history)
        else:
            self.files.derive(entries, added)
        for entry in entries:
            self.emit(Appended(self.id, entry))
        return entries

    def end(self) -> None:
        """Let go of its files, since its task is over."""
        self.ended = True
        self.files.close()

    def halt(self, stop: Stop) -> None:
        """End the running turn, once: what is complete is kept. Nothing happens when none runs."""
        if self.task is not None and not self.task.done() and self.stop is None:
            self.stop = stop
            self.task.cancel()

    def take_stop(self) -> Stop | None:
        """The stop that ended the turn, once."""
        stop, self.stop = self.stop, None
        return stop

    def receive(self) -> bool:
        """Record what has arrived in the inbox and from background jobs; whether there was anything."""
        arrived, self.told = self.told, []
        inbox = self.files.take_inbox()
        bodies: Sequence[Body] = [*arrived, *(Message(sender, text, file=name) for sender, text, name in inbox)]
        if bodies:
            self.record(*bodies)
            self.files.inbox_done([name for _, _, name in inbox])
        return bool(bodies)


class Approvals:
    """The user's answers in this process. `always` holds for this very command where it was asked for; nothing is read
    from a history."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._always: set[tuple[str, str, str]] = set()
        self._lock = asyncio.Lock()

    @property
    def attended(self) -> bool:
        """Whether someone can be asked."""
        return self._ask.interactive

    async def inquire(self, agent: Agent, text: str) -> str | None:
        """What the person answers to an agent's question; None where nobody is there, or they do not answer."""
        if not self._ask.interactive:
            return None
        async with self._lock:
            return await self._ask.inquire(agent.id, text)

    async def approve(self, agent: Agent, call: CallId, question: Question) -> bool:
        """Whether the command may run as the question says; asks at most one question at a time."""
        if not self._ask.interactive:
            return False
        async with self._lock:
            key = (question.what, question.command, question.cwd)
            if key in self._always:
                return True
            answer = await self._ask.ask(question)
            agent.record(Approval(call, question.what, question.command, answer))
            if answer == "always":
                self._always.add(key)
            return answer != "no"

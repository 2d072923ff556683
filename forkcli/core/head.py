"""Where a history stands: the context so far and what waits to go into it. A rewind puts an earlier head in its place.

`fold` is total, and what it makes depends on the entries that lead here alone: folding those again makes the same head.
"""

from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from forkcli.core import entries as e
from forkcli.core.chain import Chain, Names
from forkcli.core.check_entries import Checked
from forkcli.core.events import TurnStatus
from forkcli.core.first import access_told
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import Block, Message, calls_of, dump, text_block
from forkcli.core.seal import GAP, Part, sealed, sendable

REWOUND = "[not carried out: you went back to before this call]"
LEFT = "[not waited for any more: each report of {names} reaches you as a message]"


@dataclass(slots=True)
class Call:
    """A tool call of the newest answer. `made`: it made agents, and is answered when they have reported."""

    block: Block
    started: bool = False
    made: e.Order | None = None
    result: e.ToolResult | None = None

    @property
    def forked(self) -> bool:
        """Whether it made agents."""
        return self.made is not None


@dataclass(frozen=True, slots=True)
class Halt:
    """Why the turn stopped. `full`: the context did not fit."""

    status: TurnStatus
    sentence: str
    full: bool = False


class Mark(NamedTuple):
    """A head at a checkpoint, where nothing waits: as much of it as later heads do not share."""

    messages: Chain[Message]
    length: int
    used: Names
    names: int
    counted: int
    uncounted_bytes: int
    cwd: str | None
    access: e.Access
    net: bool
    bounds: tuple[int, ...]
    sealed: e.Checkpoint | None
    answered: Seq | None
    awaits: frozenset[AgentId]


@dataclass(slots=True)
class Head:
    """The messages, the calls of the newest answer, and what was said since."""

    messages: Chain[Message] = field(default_factory=Chain)
    used: Names = field(default_factory=Names)  # ids of all calls so far
    calls: dict[CallId, Call] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    halt: Halt | None = None
    answer: e.Assistant | None = None  # the newest, until something is sealed after it
    continued: int = 0  # answers in a row that were cut at the output limit or paused
    counted: int = 0  # tokens that the newest usage accounts for
    uncounted_bytes: int = 0
    paused: bool = False  # whether the newest answer in the context is one that the API goes on with
    lent: frozenset[str] = frozenset()  # of a fork that has sealed nothing: calls that its parent answered
    cwd: str | None = None
    access: e.Access = "write"  # as the context says
    net: bool = False
    bounds: tuple[int, ...] = ()  # how many messages each agent above had when the next one was forked from it
    sealed: e.Checkpoint | None = None  # the newest checkpoint
    answered: Seq | None = None  # the entry of the newest answer
    awaits: frozenset[AgentId] = frozenset()  # children of this self whose reports it has not had

    # --- earlier heads ------------------------------------------------------------------------------------------

    def mark(self) -> Mark | None:
        """This head for later; None where more stands open than a mark holds."""
        if self.calls or self.parts or self.halt or self.answer or self.lent or self.paused or self.continued:
            return None
        return Mark(
            self.messages, len(self.messages), self.used, len(self.used.own), self.counted, self.uncounted_bytes,
            self.cwd, self.access, self.net, self.bounds, self.sealed, self.answered, self.awaits,
        )  # fmt: skip

    @classmethod
    def at(cls, mark: Mark) -> "Head":
        """The head that was marked. Later messages of the marked one stay where they are."""
        return cls(
            messages=mark.messages.first(mark.length),
            used=Names(mark.used, mark.names),
            counted=mark.counted,
            uncounted_bytes=mark.uncounted_bytes,
            cwd=mark.cwd,
            access=mark.access,
            net=mark.net,
            bounds=mark.bounds,
            sealed=mark.sealed,
            answered=mark.answered,
            awaits=mark.awaits,
        )

    @classmethod
    def empty(cls, root: e.Agent | None, access: e.Access, *, net: bool) -> "Head":
        """The head of an agent that was told nothing yet."""
        head = cls(access=access, net=net)
        if root is not None:
            head.uncounted_bytes = len(dump([root.system, root.tools]))
        return head

    def branch(self) -> "Head":
        """A head that goes on by itself from here."""
        other = copy(self)
        other.messages, other.used = self.messages.first(len(self.messages)), Names(self.used)
        other.calls = {key: copy(call) for key, call in self.calls.items()}
        other.parts = list(self.parts)
        return other

    # --- the fold -----------------------------------------------------------------------------------------------

    def fold(self, body: e.Body) -> None:
        """Fold one more entry."""
        match body:
            case e.Assistant():
                self._answer(body)
            case e.ToolStart(call=call):
                if call in self.calls:
                    self.calls[call].started = True
            case e.ToolResult():
                self._result(body)
            case e.Checkpoint():
                self._seal(body.marker)
                self.sealed = body
            case e.Prompt() | e.Message() | e.Notice():
                self.say(body)
            case e.Failure(kind=kind, sentence=sentence):
                status: TurnStatus = "unavailable" if kind == "unavailable" else "failed"
                self.halt = Halt(status, sentence, full=kind == "context")
            case e.Interrupt():
                self._interrupt(body)
            case e.Resume():
                self.halt = None
                self.continued = 0
            case e.Fork(call=call) | e.Spawn(call=call):
                if call in self.calls:
                    self.calls[call].made = body
                if isinstance(body, e.Spawn) or body.reports_to is None:
                    self.awaits |= {child.agent for child in body.children}
            case Checked(text=text, sender=sender) if text:
                self.say(e.Message(sender, text))
            case e.AccessChange(access=access, net=net):
                self.tell_access(access, net=net)

    def begin(self, root: e.Agent) -> None:
        """The first line of all."""
        self.access, self.net = root.access, root.net
        self.uncounted_bytes += len(dump([root.system, root.tools]))

    def become(self, fork: e.Agent) -> None:
        """From here on it is a fork's. The call that made it is answered last, after what its siblings share."""
        self.access, self.net = fork.access, fork.net
        self.halt = None
        self.bounds = (*self.bounds, len(self.messages))
        self.lent = frozenset(key for key, call in self.calls.items() if call.result is not None)
        if fork.call in self.calls:
            self.calls[fork.call] = self.calls.pop(fork.call)

    def land(self, rewind: e.Rewind) -> None:
        """The head was brought back here: calls that stand open are answered, and the report is to be read."""
        for key, call in self.calls.items():
            if call.result is None:
                names = ", ".join(child.agent for child in call.made.children) if call.made else ""
                text = LEFT.format(names=names) if names else REWOUND
                call.result = e.ToolResult(key, str(call.block["name"]), (text_block(text),), is_error=not names)
                self.uncounted_bytes += len(text)
        self.continued = 0
        self.halt = Halt("done", "") if rewind.report and not rewind.asks else None
        if rewind.told:
            self.parts.append(rewind)
            self.uncounted_bytes += len(rewind.told.encode(errors="replace"))

    def tell_access(self, access: e.Access, *, net: bool) -> None:
        """Say what may be touched from here on."""
        self.access, self.net = access, net
        self.parts.append(e.Notice(f"From now on: access {access_told(access, net=net)}."))

    def say(self, part: Part) -> None:
        """Something to be sent with the next user-role message."""
        self.parts.append(part)
        match part:
            case e.Notice(text=text) | e.Message(text=text):
                self.uncounted_bytes += len(text.encode(errors="replace"))
            case e.Prompt(blocks=blocks):
                self.uncounted_bytes += len(dump(blocks))
        if not isinstance(part, e.Notice):
            self.halt = None
            self.continued = 0

    def waited_for(self) -> set[AgentId]:
        """Children that a call waits for which has no result yet."""
        made = (call.made for call in self.calls.values() if call.made is not None and call.result is None)
        return {child.agent for order in made for child in order.children}

    @property
    def wants_answer(self) -> bool:
        """Whether something was said that the model has to answer: results, a prompt, a message, a report."""
        return bool(self.calls) or any(_asks(part) for part in self.parts)

    def _result(self, result: e.ToolResult) -> None:
        call = self.calls.get(result.call)
        if result.facts.cwd:
            self.cwd = result.facts.cwd
        if call is not None and call.result is None:
            call.result = result
            if call.made is not None and call.made.wait:
                self.awaits -= {child.agent for child in call.made.children}
            self.uncounted_bytes += len(dump(result.content))

    def _interrupt(self, interrupt: e.Interrupt) -> None:
        self.halt = Halt("limit" if interrupt.by == "limit" else "interrupted", interrupt.reason)
        if interrupt.by == "user":
            self.parts.append(e.Notice("The user stopped you here."))

    def _seal(self, marker: str) -> None:
        content = sealed([(key, call.result) for key, call in self.calls.items()], self.parts, marker)
        lent, self.lent = self.lent, frozenset()
        self.calls, self.parts = {}, []
        if content:
            self.answer = None
            self.messages.append(Message("user", content, lent))

    def _answer(self, answer: e.Assistant) -> None:
        # What came while the answer was on its way was not part of the request: it waits for the next one.
        asked = self.paused or (len(self.messages) > 0 and self.messages[-1].role == "user")
        if self.calls or (self.wants_answer and not asked):
            self._seal("")
        content = sendable(answer, self.used)
        if content:
            if not self.messages or (self.messages[-1].role == "assistant" and not self.paused):
                self.messages.append(Message("user", (text_block(GAP),)))
            self.messages.append(Message("assistant", content))
            self.paused = answer.stop_reason == "pause_turn"
        self.answer = answer
        self.halt = None
        self.calls = {CallId(block["id"]): Call(block) for block in calls_of(content)}
        self.used.update(self.calls)
        self.continued = self.continued + 1 if answer.stop_reason in {"max_tokens", "pause_turn"} else 0
        if answer.usage.context_tokens:
            self.counted, self.uncounted_bytes = answer.usage.context_tokens, 0
        else:
            self.uncounted_bytes += len(dump(content))


def _asks(part: Part) -> bool:
    return part.asks if isinstance(part, e.Notice | e.Rewind) else True

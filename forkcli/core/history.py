"""The fold: a history's entries, and what they come to. The same entries give the same context, byte for byte.

`add` is total: it takes entries in any order (a damaged line may be missing) and what it builds is always a context
that the API accepts. Nothing here is kept anywhere else; a process that starts again folds the file again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from forkcli.core import entries as e
from forkcli.core.context import Context
from forkcli.core.events import TurnStatus
from forkcli.core.first import access_told
from forkcli.core.ids import CallId, Seq
from forkcli.core.messages import Block, Message, calls_of, dump, text_block
from forkcli.core.seal import GAP, Part, sealed, sendable

BYTES_PER_TOKEN = 4  # an estimate for what no usage has counted yet; the API's usage replaces it at the next answer


@dataclass(slots=True)
class Call:
    """A tool call of the newest answer."""

    block: Block
    started: bool = False
    result: e.ToolResult | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Why the turn stopped without being done."""

    status: TurnStatus
    sentence: str


class History:
    """One agent's entries and the state they fold into. Only `add` changes it."""

    def __init__(self) -> None:
        self.entries: list[e.Entry] = []
        self.agent: e.Agent | None = None
        self.model = ""
        self.effort: str | None = None
        self.access: e.Access = "write"
        self.net = False
        self.cwd: str | None = None
        self.messages: list[Message] = []
        self.calls: dict[CallId, Call] = {}
        self.parts: list[Part] = []
        self.halt: Halt | None = None
        self.answer: e.Assistant | None = None  # the newest, until something is sealed after it
        self.continued = 0  # answers in a row that were cut at the output limit or paused
        self.usage = e.Usage()
        self.cost_usd: float | None = None  # US dollars; None as long as no call had a known price
        self.steps = 0
        self.counted = 0  # tokens that the newest usage accounts for
        self._uncounted_bytes = 0
        self._paused = False  # whether the newest answer in the context is one that the API goes on with
        self._jobs: dict[str, str] = {}
        self._used: set[str] = set()  # ids of all calls so far

    @classmethod
    def of(cls, entries: Iterable[e.Entry]) -> "History":
        """Fold entries from the first on."""
        history = cls()
        for entry in entries:
            history.add(entry)
        return history

    # --- what it comes to ---------------------------------------------------------------------------------------

    def context(self) -> Context:
        """What the next model call sends."""
        system, tools = (self.agent.system, self.agent.tools) if self.agent else ((), ())
        return Context(system, tools, tuple(self.messages))

    @property
    def next_seq(self) -> Seq:
        """The number of the next entry."""
        return Seq(self.entries[-1].seq + 1 if self.entries else 1)

    @property
    def open_calls(self) -> dict[CallId, Call]:
        """Calls of the newest answer that have no result yet."""
        return {key: call for key, call in self.calls.items() if call.result is None}

    @property
    def wants_answer(self) -> bool:
        """Whether something was said that the model has to answer: results, a prompt, a message."""
        return bool(self.calls) or any(not isinstance(p, e.Notice) or p.asks for p in self.parts)

    @property
    def lost_jobs(self) -> dict[str, str]:
        """Background jobs that were started and whose end was never told, oldest first, with their output files."""
        return dict(self._jobs)

    def context_tokens(self) -> int:
        """Estimate of the next request's size, in tokens."""
        return self.counted + self._uncounted_bytes // BYTES_PER_TOKEN

    # --- the fold -----------------------------------------------------------------------------------------------

    def add(self, entry: e.Entry) -> tuple[Message, ...]:
        """Fold one more entry; returns the messages that it added to the context."""
        self.entries.append(entry)
        before = len(self.messages)
        match entry.body:
            case e.Agent():
                self._begin(entry.body)
            case e.Prompt() | e.Message() | e.Notice():
                self._say(entry.body)
            case e.Checkpoint(marker=marker):
                self._seal(marker)
            case e.Assistant():
                self._answer(entry.body)
            case e.ToolStart(call=call):
                if call in self.calls:
                    self.calls[call].started = True
            case e.ToolResult():
                self._result(entry.body)
            case e.ModelChange(model=model, effort=effort):
                self.model, self.effort = model, effort
            case e.AccessChange(access=access, net=net):
                self.access, self.net = access, net
                self.parts.append(e.Notice(f"From now on: access {access_told(access, net=net)}."))
            case e.Failure(kind=kind, sentence=sentence):
                self.halt = Halt("unavailable" if kind == "unavailable" else "failed", sentence)
            case e.Interrupt():
                self._interrupt(entry.body)
            case e.Resume():
                self.halt = None
                self.continued = 0
            case e.Approval():
                pass
        return tuple(self.messages[before:])

    def _begin(self, agent: e.Agent) -> None:
        if self.agent is None:
            self.agent = agent
            self.model, self.effort = agent.model, agent.effort
            self.access, self.net = agent.access, agent.net
            self._uncounted_bytes += len(dump([agent.system, agent.tools]))

    def _say(self, part: Part) -> None:
        self.parts.append(part)
        if isinstance(part, e.Notice):
            self._uncounted_bytes += len(part.text.encode(errors="replace"))
            return
        self.halt = None
        self.continued = 0
        if isinstance(part, e.Message):
            self._uncounted_bytes += len(part.text.encode(errors="replace"))
            self._jobs.pop(part.job or part.sender, None)
        else:
            self._uncounted_bytes += len(dump(part.blocks))

    def _result(self, result: e.ToolResult) -> None:
        call = self.calls.get(result.call)
        if result.facts.cwd:
            self.cwd = result.facts.cwd
        if result.facts.job and result.facts.job_over:
            self._jobs.pop(result.facts.job, None)
        elif result.facts.job:
            self._jobs[result.facts.job] = result.facts.output_file or ""
        if call is not None and call.result is None:
            call.result = result
            self._uncounted_bytes += len(dump(result.content))

    def _interrupt(self, interrupt: e.Interrupt) -> None:
        self.halt = Halt("limit" if interrupt.by == "limit" else "interrupted", interrupt.reason)
        if interrupt.by == "user":
            self.parts.append(e.Notice("The user stopped you here."))

    def _seal(self, marker: str) -> None:
        content = sealed([(key, call.result) for key, call in self.calls.items()], self.parts, marker)
        self.calls, self.parts = {}, []
        if content:
            self.answer = None
            self.messages.append(Message("user", content))

    def _answer(self, answer: e.Assistant) -> None:
        if self.calls or self.wants_answer:
            self._seal("")
        content = sendable(answer, self._used)
        if content:
            if not self.messages or (self.messages[-1].role == "assistant" and not self._paused):
                self.messages.append(Message("user", (text_block(GAP),)))
            self.messages.append(Message("assistant", content))
            self._paused = answer.stop_reason == "pause_turn"
        self.answer = answer
        self.halt = None
        self.calls = {CallId(block["id"]): Call(block) for block in calls_of(content)}
        self._used.update(self.calls)
        self.continued = self.continued + 1 if answer.stop_reason in {"max_tokens", "pause_turn"} else 0
        self._count(answer, content)

    def _count(self, answer: e.Assistant, content: tuple[Block, ...]) -> None:
        self.steps += 1
        self.usage = self.usage.plus(answer.usage)
        if answer.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + answer.cost_usd
        if answer.usage.context_tokens:
            self.counted, self._uncounted_bytes = answer.usage.context_tokens, 0
        else:
            self._uncounted_bytes += len(dump(content))

"""The fold: a history's entries, and what they come to. The same entries give the same context, byte for byte.

`add` is total: it takes entries in any order (a damaged line may be missing) and what it builds is always a context
that the API accepts. Nothing here is kept anywhere else; a process that starts again folds the file again.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

from forkcli.core import entries as e
from forkcli.core.chain import Chain, Names
from forkcli.core.context import Context
from forkcli.core.events import TurnStatus
from forkcli.core.first import access_told
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import Block, Message, calls_of, dump, text_block
from forkcli.core.reports import message_of
from forkcli.core.seal import GAP, Part, sealed, sendable

BYTES_PER_TOKEN = 4  # an estimate for what no usage has counted yet; the API's usage replaces it at the next answer


@dataclass(slots=True)
class Call:
    """A tool call of the newest answer. `forked`: it made forks, and is answered when they have reported."""

    block: Block
    started: bool = False
    forked: bool = False
    result: e.ToolResult | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Why the turn stopped without being done."""

    status: TurnStatus
    sentence: str


class History:
    """One agent's entries and the state they fold into. Only `add` changes it."""

    def __init__(self) -> None:
        self.entries: Chain[e.Entry] = Chain()
        self.root: e.Agent | None = None  # line 1 of the oldest history in the chain: it has system and tools
        self.agent: e.Agent | None = None
        self.model = ""
        self.effort: str | None = None
        self.access: e.Access = "write"
        self.net = False
        self.cwd: str | None = None
        self.messages: Chain[Message] = Chain()
        self.calls: dict[CallId, Call] = {}
        self.parts: list[Part] = []
        self.halt: Halt | None = None
        self.answer: e.Assistant | None = None  # the newest, until something is sealed after it
        self.continued = 0  # answers in a row that were cut at the output limit or paused
        self.usage = e.Usage()
        self.cost_usd: float | None = None  # US dollars; None as long as no call had a known price
        self.steps = 0
        self.counted = 0  # tokens that the newest usage accounts for
        self.uncounted_bytes = 0
        self.paused = False  # whether the newest answer in the context is one that the API goes on with
        self.jobs: dict[str, str] = {}
        self.used = Names()  # ids of all calls so far
        self.inherited_steps = 0
        self.forks: dict[AgentId, e.Fork] = {}  # by the child's id
        self.reports: dict[AgentId, e.Report] = {}
        self.merges: dict[AgentId, e.Merge] = {}
        self.lent: frozenset[str] = frozenset()  # of a fork that has sealed nothing: calls that its parent answered
        self.trees: dict[Seq, str] = {}  # snapshots of the files, by the entry they belong to

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
        system, tools = (self.root.system, self.root.tools) if self.root else ((), ())
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
        return dict(self.jobs)

    @property
    def own_steps(self) -> int:
        """Model calls of this agent itself, not those of its past before the fork."""
        return self.steps - self.inherited_steps

    def own_answers(self) -> list[e.Assistant]:
        """The answers of this agent itself, oldest first."""
        return [entry.body for entry in self.entries.own if isinstance(entry.body, e.Assistant)]

    def context_tokens(self) -> int:
        """Estimate of the next request's size, in tokens."""
        return self.counted + self.uncounted_bytes // BYTES_PER_TOKEN

    def forked(self, at: Seq) -> "History":
        """A history that begins with this one's entries up to `at`; what they share is not copied.

        At the head that is cheap; further back the past is folded again, once.
        """
        if self.entries and self.entries[-1].seq == at:
            return self.branch()
        past = History.of(entry for entry in self.entries if entry.seq <= at)
        past.lean_on(self)
        return past.branch()

    def lean_on(self, longer: "History") -> None:
        """Let go of what `longer`, which began with the same entries, holds too."""
        self.entries = Chain(longer.entries, len(self.entries))
        self.messages = Chain(longer.messages, len(self.messages))
        if longer.used.base is None:
            self.used = Names(longer.used, len(self.used.own))

    def branch(self) -> "History":
        """A history that begins with all entries of this one."""
        other = copy(self)
        other.entries, other.messages, other.used = Chain(self.entries), Chain(self.messages), Names(self.used)
        other.calls = {key: copy(call) for key, call in self.calls.items()}
        other.parts, other.jobs = list(self.parts), {}
        other.forks, other.reports, other.merges, other.trees = {}, {}, {}, {}
        other.inherited_steps = self.steps
        return other

    # --- the fold -----------------------------------------------------------------------------------------------

    def add(self, entry: e.Entry) -> tuple[Message, ...]:
        """Fold one more entry; returns the messages that it added to the context."""
        self.entries.append(entry)
        before = len(self.messages)
        self._fold(entry.body)
        return tuple(self.messages[before:])

    def _fold(self, body: e.Body) -> None:
        match body:
            case e.Assistant():
                self._answer(body)
            case e.ToolStart(call=call):
                if call in self.calls:
                    self.calls[call].started = True
            case e.ToolResult():
                self._result(body)
            case e.Checkpoint(marker=marker):
                self._seal(marker)
            case e.Prompt() | e.Message() | e.Notice():
                self._say(body)
            case e.Failure(kind=kind, sentence=sentence):
                self.halt = Halt("unavailable" if kind == "unavailable" else "failed", sentence)
            case e.Interrupt():
                self._interrupt(body)
            case e.Resume():
                self.halt = None
                self.continued = 0
            case _:
                self._fold_rarer(body)

    def _fold_rarer(self, body: e.Body) -> None:
        """What changes who the agent is, what holds for it, or what its forks came to."""
        match body:
            case e.Agent():
                self._begin(body)
            case e.Fork():
                self._fork(body)
            case e.Report():
                self._report(body)
            case e.Snapshot(of_seq=seq, tree=tree):
                self.trees.setdefault(seq, tree)
            case e.Merge(agent=child):
                if child not in self.merges or self.merges[child].outcome in {"kept", "conflict"}:
                    self.merges[child] = body
            case e.ModelChange(model=model, effort=effort):
                self.model, self.effort = model, effort
            case e.AccessChange(access=access, net=net):
                self.access, self.net = access, net
                self.parts.append(e.Notice(f"From now on: access {access_told(access, net=net)}."))

    def _begin(self, agent: e.Agent) -> None:
        if self.root is None:
            self.root = self.agent = agent
            self.model, self.effort = agent.model, agent.effort
            self.access, self.net = agent.access, agent.net
            self.uncounted_bytes += len(dump([agent.system, agent.tools]))
        elif agent.parent is not None and self.agent is not None and agent.parent == self.agent.agent:
            self._become(agent)

    def _become(self, fork: e.Agent) -> None:
        """From here on it is a fork's. The call that made it is answered last, after what its siblings share."""
        self.agent = fork
        self.access, self.net = fork.access, fork.net
        self.halt = None
        self.lent = frozenset(key for key, call in self.calls.items() if call.result is not None)
        if fork.call in self.calls:
            self.calls[fork.call] = self.calls.pop(fork.call)

    def _fork(self, fork: e.Fork) -> None:
        for child in fork.children:
            self.forks.setdefault(child.agent, fork)
        if fork.call in self.calls:
            self.calls[fork.call].forked = True

    def _report(self, report: e.Report) -> None:
        if report.agent in self.reports:
            return
        self.reports[report.agent] = report
        fork = self.forks.get(report.agent)
        if fork is not None and not fork.wait:
            told = message_of(report, self.merges.get(report.agent))
            self.parts.append(e.Message(report.agent, told))
            self.uncounted_bytes += len(told.encode(errors="replace"))

    def _say(self, part: Part) -> None:
        self.parts.append(part)
        if isinstance(part, e.Notice):
            self.uncounted_bytes += len(part.text.encode(errors="replace"))
            return
        self.halt = None
        self.continued = 0
        if isinstance(part, e.Message):
            self.uncounted_bytes += len(part.text.encode(errors="replace"))
            self.jobs.pop(part.job or part.sender, None)
        else:
            self.uncounted_bytes += len(dump(part.blocks))

    def _result(self, result: e.ToolResult) -> None:
        call = self.calls.get(result.call)
        if result.facts.cwd:
            self.cwd = result.facts.cwd
        if result.facts.job and result.facts.job_over:
            self.jobs.pop(result.facts.job, None)
        elif result.facts.job:
            self.jobs[result.facts.job] = result.facts.output_file or ""
        if call is not None and call.result is None:
            call.result = result
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
        self._count(answer, content)

    def _count(self, answer: e.Assistant, content: tuple[Block, ...]) -> None:
        self.steps += 1
        self.usage = self.usage.plus(answer.usage)
        if answer.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + answer.cost_usd
        if answer.usage.context_tokens:
            self.counted, self.uncounted_bytes = answer.usage.context_tokens, 0
        else:
            self.uncounted_bytes += len(dump(content))

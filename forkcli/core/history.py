"""The fold: a history's entries, and what they come to. The same entries give the same context, byte for byte.

`add` is total: it takes entries in any order (a damaged line may be missing) and what it builds is always a context
that the API accepts. Nothing here is kept anywhere else; a process that starts again folds the file again.
"""

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy

from forkcli.core import entries as e
from forkcli.core.chain import Chain
from forkcli.core.context import Context
from forkcli.core.head import Call, Halt, Head, Mark
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import Message
from forkcli.core.reports import message_of
from forkcli.core.seal import Part

BYTES_PER_TOKEN = 4  # an estimate for what no usage has counted yet; the API's usage replaces it at the next answer

__all__ = ["BYTES_PER_TOKEN", "Call", "Halt", "History"]


class History:
    """One agent's entries and the state they fold into. Only `add` changes it.

    The head is what a rewind brings back; everything else counts on, since it happened.
    """

    def __init__(self) -> None:
        self.entries: Chain[e.Entry] = Chain()
        self.head = Head()
        self.root: e.Agent | None = None  # line 1 of the oldest history in the chain: it has system and tools
        self.agent: e.Agent | None = None
        self.model = ""
        self.effort: str | None = None
        self.access: e.Access = "write"
        self.net = False
        self.usage = e.Usage()
        self.cost_usd: float | None = None  # US dollars; None as long as no call had a known price
        self.steps = 0
        self.jobs: dict[str, str] = {}
        self.inherited_steps = 0
        self.forks: dict[AgentId, e.Order] = {}  # by the child's id
        self.orphans: set[AgentId] = set()  # children whose call was left behind by a rewind: they report by message
        self.reports: dict[AgentId, e.Report] = {}
        self.merges: dict[AgentId, e.Merge] = {}
        self.trees: dict[Seq, str] = {}  # snapshots of the files, by the entry they belong to
        self.rewinds: list[e.Entry] = []
        self._above: History | None = None  # whose entries this one begins with
        self._base: tuple[Seq, Mark | Head] = (Seq(0), Head())  # where its own entries begin, and the head there
        self._kept: list[tuple[Seq, Mark | Head]] = []  # heads at checkpoints and after rewinds
        self._added: dict[Seq, tuple[e.Body, ...]] = {}  # what an entry said besides

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
    def was_asked(self) -> bool:
        """Whether this agent has had a prompt: before its first one it knows nothing, not even where it is."""
        return any(isinstance(entry.body, e.Prompt) for entry in self.entries)

    @property
    def messages(self) -> Chain[Message]:
        """The messages of the context."""
        return self.head.messages

    @property
    def own_messages(self) -> list[Message]:
        """The messages that came after the fork; all of them where there was none, or the context was cut."""
        return self.messages[self.head.bounds[-1] if self.head.bounds else 0 :]

    @property
    def calls(self) -> dict[CallId, Call]:
        """The calls of the newest answer."""
        return self.head.calls

    @property
    def parts(self) -> list[Part]:
        """What was said and is not sealed yet."""
        return self.head.parts

    @property
    def halt(self) -> Halt | None:
        """Why the turn stopped, if it did."""
        return self.head.halt

    @property
    def answer(self) -> e.Assistant | None:
        """The newest answer, until something is sealed after it."""
        return self.head.answer

    @property
    def cwd(self) -> str | None:
        """Where the agent's shell stands, absolute; None where it began."""
        return self.head.cwd

    @property
    def next_seq(self) -> Seq:
        """The number of the next entry."""
        return Seq(self.entries[-1].seq + 1 if self.entries else 1)

    @property
    def first_seq(self) -> Seq:
        """The earliest entry that one can rewind to: of a fork, the last one that it shares with its parent."""
        return self._base[0]

    @property
    def open_calls(self) -> dict[CallId, Call]:
        """Calls of the newest answer that have no result yet."""
        return {key: call for key, call in self.calls.items() if call.result is None}

    @property
    def wants_answer(self) -> bool:
        """Whether something was said that the model has to answer."""
        return self.head.wants_answer

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

    def own_paid(self) -> list[e.Paid]:
        """All that this agent itself paid for, oldest first."""
        return [entry.body for entry in self.entries.own if isinstance(entry.body, e.Paid)]

    def context_tokens(self) -> int:
        """Estimate of the next request's size, in tokens."""
        return self.head.counted + self.head.uncounted_bytes // BYTES_PER_TOKEN

    # --- the past -----------------------------------------------------------------------------------------------

    def forked(self, at: Seq) -> "History":
        """A history that begins with this one's entries up to `at`; what they share is not copied."""
        if self.entries and self.entries[-1].seq == at:
            return self.branch()
        if at < self.first_seq and self._above is not None:
            return self._above.forked(at)
        past = History()
        shared = 0
        for entry in self.entries:
            if entry.seq > at:
                break
            past._count(entry)
            shared += 1
        past.entries = Chain(self.entries, shared)
        past.head = self.head_at(at)
        return past.begins_after(self, at)

    def branch(self) -> "History":
        """A history that begins with all entries of this one."""
        other = copy(self)
        other.entries, other.head = Chain(self.entries), self.head.branch()
        return other.begins_after(self, self.entries[-1].seq if self.entries else Seq(0))

    def begins_after(self, above: "History", at: Seq) -> "History":
        """Forget what concerns the one above alone."""
        self.jobs = {}
        self.forks, self.reports, self.merges, self.trees = {}, {}, {}, {}
        self.orphans, self.rewinds = set(), []
        self.head.awaits = frozenset()
        self.inherited_steps = self.steps
        self._above, self._base = above, (at, self.head.branch())
        self._kept, self._added = [], {}
        return self

    def head_at(self, at: Seq) -> Head:
        """The head as it stood after entry `at`; 0: an empty one."""
        base, head = self._nearest(at)
        own = self.entries.own
        for entry in own[_place(own, base) : _place(own, at)]:
            self._step(head, entry)
        return head

    def _nearest(self, at: Seq) -> tuple[Seq, Head]:
        """The last place at or before `at` whose head is at hand, and that head. No rewind lies between."""
        if at == 0:
            return at, Head.empty(self.root, self.access, net=self.net)
        if at < self.first_seq and self._above is not None:
            return at, self._above.head_at(at)
        place = bisect_right(self._kept, at, key=lambda kept: kept[0])
        seq, kept = self._kept[place - 1] if place else self._base
        return seq, Head.at(kept) if isinstance(kept, Mark) else kept.branch()

    def _target(self, entry: e.Entry) -> Seq | None:
        """Where an entry takes the head back to, if it does."""
        if isinstance(entry.body, e.Rewind) and (entry.body.to == 0 or self.first_seq <= entry.body.to < entry.seq):
            return entry.body.to
        return None

    # --- the fold -----------------------------------------------------------------------------------------------

    def add(self, entry: e.Entry) -> tuple[Message, ...]:
        """Fold one more entry; returns the messages that it added to the context. After a rewind it is another one."""
        self.entries.append(entry)
        self._count(entry)
        if isinstance(entry.body, e.Rewind):
            self._rewind(entry, entry.body)
            return ()
        if isinstance(entry.body, e.Report):
            self._report(entry.seq, entry.body)
        before = len(self.messages)
        self._step(self.head, entry)
        if isinstance(entry.body, e.Checkpoint) and (mark := self.head.mark()) is not None:
            self._kept.append((entry.seq, mark))
        return tuple(self.messages[before:])

    def _step(self, head: Head, entry: e.Entry) -> None:
        """What an entry does to a head: the same whenever it is done again."""
        body = entry.body
        match body:
            case e.Agent():
                if body is self.root:
                    head.begin(body)
                elif body is self.agent:
                    head.become(body)
            case e.Rewind():
                if self._target(entry) is not None:
                    head.land(body)
            case _:
                head.fold(body)
        if isinstance(body, e.Assistant):
            head.answered = entry.seq
        for added in self._added.get(entry.seq, ()):
            head.fold(added)
            if isinstance(added, e.Message):
                head.awaits -= {AgentId(added.sender)}

    def _rewind(self, entry: e.Entry, rewind: e.Rewind) -> None:
        to = self._target(entry)
        if to is None:
            return
        self.rewinds.append(entry)
        left, self.head = self.head, self.head_at(to)
        self.orphans |= left.waited_for() | self.head.waited_for()
        self.head.awaits = (self.head.awaits | left.awaits - self.reports.keys()) - set(rewind.let_go)
        added: list[e.Body] = []
        if (self.head.access, self.head.net) != (self.access, self.net):
            added.append(e.AccessChange(self.access, self.net))
        due = (report for name, report in self.reports.items() if name in self.head.awaits and self.by_message(name))
        self._added[entry.seq] = (*added, *(self._told(report) for report in due))
        self._step(self.head, entry)
        self._kept.append((entry.seq, self.head.branch()))

    def _report(self, seq: Seq, report: e.Report) -> None:
        """A child has reported: to the one that waits for it, or by a message."""
        first = self.reports.setdefault(report.agent, report) is report
        if first and report.agent in self.head.awaits and self.by_message(report.agent):
            self._added[seq] = (self._told(report),)

    def by_message(self, child: AgentId) -> bool:
        """Whether a child reports by a message, not in the result of the call that made it."""
        order = self.forks.get(child)
        return order is not None and (not order.wait or child in self.orphans)

    def reports_told(self, seq: Seq) -> list[e.Message]:
        """The reports that an entry brought to the self that stands there."""
        return [body for body in self._added.get(seq, ()) if isinstance(body, e.Message)]

    def _told(self, report: e.Report) -> e.Message:
        return e.Message(report.agent, message_of(report, self.merges.get(report.agent)))

    def _count(self, entry: e.Entry) -> None:
        """What holds whatever is rewound."""
        body = entry.body
        match body:
            case e.Agent():
                self._begin(entry.seq, body)
            case e.Assistant():
                self.steps += 1
                self._spend(body)
            case e.Warmed():
                self._spend(body)
            case e.Message(job=job, sender=sender):
                self.jobs.pop(job or sender, None)
            case e.ToolResult(facts=facts) if facts.job:
                self.jobs[facts.job] = facts.output_file or ""
                if facts.job_over:
                    self.jobs.pop(facts.job)
            case e.Fork(reports_to=None) | e.Spawn():
                for child in body.children:
                    self.forks.setdefault(child.agent, body)
            case e.Snapshot(of_seq=seq, tree=tree):
                self.trees.setdefault(seq, tree)
            case e.Merge(agent=name):
                if name not in self.merges or self.merges[name].outcome in {"kept", "conflict"}:
                    self.merges[name] = body
            case e.ModelChange(model=model, effort=effort):
                self.model, self.effort = model, effort
            case e.AccessChange(access=access, net=net):
                self.access, self.net = access, net

    def _begin(self, seq: Seq, agent: e.Agent) -> None:
        """Line 1 of the root, or of a fork. A fork's parent may itself begin later than at `from_seq`."""
        follows = agent.from_seq is not None and seq == agent.from_seq + 1
        if self.root is None:
            self.root = agent
        elif agent.parent is None or self.agent is None or not (follows or agent.parent == self.agent.agent):
            return
        self.agent = agent
        self.model, self.effort = agent.model, agent.effort
        self.access, self.net = agent.access, agent.net

    def _spend(self, answer: e.Paid) -> None:
        self.usage = self.usage.plus(answer.usage)
        if answer.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + answer.cost_usd


def _place(entries: list[e.Entry], seq: Seq) -> int:
    """How many entries have numbers up to `seq`."""
    return bisect_right(entries, seq, key=lambda entry: entry.seq)

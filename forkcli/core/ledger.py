"""The ledger of a rewind: what has happened in the world since a checkpoint, for the self that knows nothing of it.

It is computed from the entries alone and from what fork sees of the world (`World`), never from a model's words, and
over every entry after the checkpoint, whatever branch it is on: all of them happened. `core/telling.py` has the words.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from forkcli.core import entries as e
from forkcli.core.ids import AgentId, Seq
from forkcli.core.ledger_parts import Earlier, Ran, Seen, Sent, Started, Stretch, Talk, World
from forkcli.core.messages import Block, calls_of, text_of
from forkcli.core.seal import sendable

OWN_TOOLS = frozenset({"read", "write", "edit", "fork", "spawn", "merge", "rewind"})  # told in ways of their own

_ROW = re.compile(r"^ *(\d+)\t", re.MULTILINE)  # a line of a file, as the tool `read` shows it


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that happened after checkpoint `to`; every sequence in its order."""

    to: Seq
    stretch: Stretch  # the branch that ends at the head
    world: World
    talk: tuple[Talk, ...] = ()
    approvals: tuple[e.Approval, ...] = ()
    wrote: tuple[str, ...] = ()  # files that `write`, `edit` and merges changed; all that is known without a snapshot
    commands: tuple[Ran, ...] = ()
    outputs: Mapping[str, str] = field(
        default_factory=dict
    )  # output files of the background jobs that were started: id -> path
    reads: tuple[Seen, ...] = ()
    agents: tuple[Started, ...] = ()
    messages: tuple[Sent, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    model: e.ModelChange | None = None  # the newest; of the access, the past self is told by the fold


def ledger(entries: Iterable[e.Entry], to: Seq, world: World | None = None) -> Ledger:
    """The ledger of going back to `to`; `entries` is the whole history, in its order. Total: it never raises."""
    book = _Book(to)
    for entry in entries:
        book.add(entry)
    return book.closed(world or World())


@dataclass(slots=True)
class _Book:
    """Gathers a ledger, entry by entry. `before` has the place of the entry that led to each, -1 for none."""

    to: Seq
    entries: list[e.Entry] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    head: int = -1  # the place of the newest entry of the branch
    used: set[str] = field(default_factory=set)  # ids of the calls on the branch
    named: dict[Seq, tuple[str, ...]] = field(default_factory=dict)  # ids of an answer's calls
    calls: dict[str, Block] = field(default_factory=dict)  # of the newest answer
    talk: list[Talk] = field(default_factory=list)
    approvals: list[e.Approval] = field(default_factory=list)
    wrote: dict[str, None] = field(default_factory=dict)
    commands: dict[str, Ran] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    reads: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    agents: dict[AgentId, Started] = field(default_factory=dict)
    messages: list[Sent] = field(default_factory=list)
    earlier: list[Earlier] = field(default_factory=list)
    model: e.ModelChange | None = None

    def add(self, entry: e.Entry) -> None:
        body = entry.body
        after = entry.seq > self.to
        if isinstance(body, e.Rewind):
            if after and body.report.strip():
                self.earlier.append(Earlier(body.report, body.abandoned, self._stretch(body.to)))
            self.head = bisect_right(self.entries, body.to, key=lambda one: one.seq) - 1
            self.used = {name for one in self._branch() for name in self.named.get(one.seq, ())}
        elif isinstance(body, e.Assistant):
            self._answer(entry, body, after=after)
        elif after:
            self._said(body)
            self._did(body)
        self.before.append(self.head)
        self.head = len(self.entries)
        self.entries.append(entry)

    def _branch(self) -> Iterator[e.Entry]:
        """The entries that led to the head, the newest first."""
        place = self.head
        while place >= 0:
            yield self.entries[place]
            place = self.before[place]

    def closed(self, world: World) -> Ledger:
        return Ledger(
            to=self.to,
            stretch=self._stretch(self.to),
            world=world,
            talk=tuple(self.talk),
            approvals=tuple(self.approvals),
            wrote=tuple(self.wrote),
            commands=tuple(self.commands.values()),
            outputs=dict(self.outputs),
            reads=tuple(Seen(path, _joined(lines)) for path, lines in self.reads.items()),
            agents=tuple(self.agents.values()),
            messages=tuple(self.messages),
            earlier=tuple(self.earlier),
            model=self.model,
        )

    def _stretch(self, to: Seq) -> Stretch:
        """What the branch came to after `to`."""
        steps, tokens, cost, seqs = 0, 0, None, []
        for entry in self._branch():
            if entry.seq <= to:
                break
            seqs.append(entry.seq)
            if isinstance(entry.body, e.Assistant):
                steps += 1
                tokens += entry.body.usage.context_tokens
            if isinstance(entry.body, e.Paid) and entry.body.cost_usd is not None:
                cost = (cost or 0.0) + entry.body.cost_usd
        return Stretch(*((seqs[-1], seqs[0]) if seqs else (to, to)), steps, tokens, cost)

    def _answer(self, entry: e.Entry, answer: e.Assistant, *, after: bool) -> None:
        blocks = calls_of(sendable(answer, self.used))
        self.calls = {block["id"]: block for block in blocks}
        self.named[entry.seq] = tuple(self.calls)
        self.used.update(self.calls)
        text = text_of(answer.content).strip()
        if after and text and not blocks:
            self.talk.append(Talk("answered", text))

    def _said(self, body: e.Body) -> None:
        """What was said, and by whom."""
        match body:
            case e.Prompt(text=text, files=files):
                self.talk.append(Talk("prompt", text, files))
            case e.Message(sender="user", text=text):
                self.talk.append(Talk("message", text))
            case e.Message(job=None, sender=sender, text=text):
                self.messages.append(Sent(sender, "", text))
            case e.Notice(text=text) if text.startswith(e.RAN):
                self.talk.append(Talk("ran", text.removeprefix(e.RAN)))
            case e.Interrupt(by="user"):
                self.talk.append(Talk("stopped", ""))
            case e.Checked(what="review", sender=sender, text=text) if text:
                self.messages.append(Sent(sender, "", text))
            case e.Approval():
                self.approvals.append(body)
            case e.ModelChange():
                self.model = body
            case _:
                pass

    def _did(self, body: e.Body) -> None:
        """What was done."""
        match body:
            case e.ToolResult():
                self._result(body)
            case e.Checked(what="until", subject=command, exit_code=code, round=number):
                self._ran(Ran(command, code, f"the user's check of your work, round {number}"))
            case e.Fork() | e.Spawn():
                self._ordered(body)
            case e.Report(agent=agent):
                known = self._started(agent)
                if known.report is None:
                    self.agents[agent] = Started(agent, known.task, body, known.merge)
            case e.Merge(agent=agent, outcome=outcome, paths=paths):
                known = self._started(agent)
                self.agents[agent] = Started(agent, known.task, known.report, body)
                if outcome == "merged":
                    self.wrote.update(dict.fromkeys(paths))
            case _:
                pass

    def _ordered(self, order: e.Order) -> None:
        if isinstance(order, e.Spawn) and order.onboarded is not None:
            self.agents.setdefault(order.onboarded, Started(order.onboarded, f"onboarded for workers: {order.brief}"))
        for child in order.children:
            self.agents.setdefault(child.agent, Started(child.agent, child.task))

    def _started(self, agent: AgentId) -> Started:
        """What is known of an agent; it may have been started before the checkpoint."""
        return self.agents.get(agent, Started(agent, ""))

    def _result(self, result: e.ToolResult) -> None:
        self.wrote.update(dict.fromkeys(result.facts.changed))
        args = self.calls.get(result.call, {}).get("input", {})
        match result.name:
            case "bash":
                self._command(result, args)
            case "read" if not result.is_error:
                rows = [int(number) for number in _ROW.findall(text_of(result.content))]
                lines = self.reads.setdefault(str(args.get("path", "?")), [])
                if rows:
                    lines.append((rows[0], rows[-1]))
            case "send" if not result.is_error:
                self._sent(result, args)
            case name if name not in OWN_TOOLS and name != "send":
                self._ran(Ran(f"{name} {args}", None, _last_line(result) if result.is_error else "done"))
            case _:
                pass

    def _command(self, result: e.ToolResult, args: Block) -> None:
        if args.get("stop") or (result.is_error and not args.get("command")):  # that ran nothing
            return
        facts, command, last = result.facts, str(args.get("command", "?")), _last_line(result)
        if facts.job:
            self.outputs[facts.job] = facts.output_file or ""
            self._ran(Ran(command, facts.exit_code, f"background job {facts.job}, over", job=facts.job))
        elif facts.exit_code is None:
            self._ran(Ran(command, None, last))
        else:
            self._ran(Ran(command, facts.exit_code, said=last))

    def _ran(self, ran: Ran) -> None:
        """The newest run of the same command stands for all."""
        before = self.commands.pop(ran.command, None)
        self.commands[ran.command] = replace(ran, times=before.times + 1) if before else ran

    def _sent(self, result: e.ToolResult, args: Block) -> None:
        receiver, text, asks = str(args.get("to", "?")), str(args.get("text", "")), bool(args.get("wait"))
        answer = text_of(result.content) if asks else ""
        if receiver != "user":
            self.messages.append(Sent("", receiver, text, answer))
            return
        self.talk.append(Talk("asked" if asks else "told", text))
        if asks:
            self.talk.append(Talk("reply", answer))


def _last_line(result: e.ToolResult) -> str:
    """The last line that a call came to; remarks of fork's own in brackets only where there is no other."""
    lines = [line.strip() for line in text_of(result.content).splitlines() if line.strip()]
    said = [line for line in lines if not (line.startswith("[") and line.endswith("]"))]
    if result.facts.exit_code is not None:
        return said[-1] if said else ""
    return lines[-1] if lines else ""


def _joined(lines: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges in their order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(lines):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)

"""Where an agent may go back to, and when it may not: from its history alone."""

from collections.abc import Iterable

from forkcli.core.decide import FULL
from forkcli.core.entries import (
    Agent,
    Assistant,
    Body,
    Checkpoint,
    Entry,
    Message,
    Prompt,
    Rewind,
    Snapshot,
    ToolResult,
)
from forkcli.core.forking import answers_of
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import dump
from forkcli.errors import ForkError, Kind

MOST_BACK = 5  # times that an agent goes back to the same checkpoint by itself before anybody else said something
NOT_HERE = "[not in this context: what came of it is on record in {parent}]"
BEGINNING = Seq(0)  # where an empty context stands
NAMED = 8  # checkpoints that an error names


def checkpoints(history: History) -> list[Seq]:
    """The checkpoints that one can go back to: all of the agent's own, also those of stretches left behind."""
    return [entry.seq for entry in history.entries.own if isinstance(entry.body, Checkpoint)]


def first_checkpoint(history: History) -> Seq | None:
    """The checkpoint of the first prompt in the context, of a fork of its task: where a compaction goes back to.

    A prompt that was taken back is none: it does not return.
    """
    return next((entry.seq for entry in line(history) if isinstance(entry.body, Checkpoint)), None)


def check_place(history: History, to: Seq) -> None:
    """Raises ForkError unless the head can go back to where it stood after entry `to`."""
    name = history.agent.agent if history.agent else "main"
    if to < history.first_seq:
        raise ForkError(
            f"entry {to} lies before {name} was forked, at entry {history.first_seq}: a fork cannot go back to that",
            f"its own checkpoints: {_named(checkpoints(history))}",
            kind=Kind.USAGE,
        )
    if to == 0 or (to != history.first_seq and all(entry.seq != to for entry in history.entries.own)):
        raise ForkError(
            f"{name} has no entry {to}", f"its checkpoints: {_named(checkpoints(history))}", kind=Kind.USAGE
        )


def check_own(history: History, to: Seq) -> None:
    """Raises ForkError unless the agent itself may go back to checkpoint `to` now."""
    own = checkpoints(history)
    if to not in own:
        check_place(history, to)
        raise ForkError(f"there is no checkpoint {to}", f"checkpoints: {_named(own)}")
    since = [entry for entry in history.entries.own if entry.seq > to]
    if not any(_is_work(entry.body) for entry in since):
        raise ForkError(f"nothing was done since checkpoint {to}", "there is nothing to go back from")
    last = next((entry.seq for entry in reversed(since) if _is_own(entry.body)), None)
    if last is not None and not any(_is_work(entry.body) for entry in since if entry.seq > last):
        raise ForkError(
            "you have just come back from there, and have done nothing since",
            "go on from the report; rewind again only over new work",
        )
    if _times_back(history, to) >= MOST_BACK:
        raise ForkError(
            f"you went back to checkpoint {to} or before it {MOST_BACK} times since anybody last spoke to you",
            "go on from here, or end with what you know and what stands in the way",
        )


def _times_back(history: History, to: Seq) -> int:
    count = 0
    for entry in reversed(history.entries.own):
        if isinstance(entry.body, Prompt | Message):
            break
        count += isinstance(entry.body, Rewind) and _is_own(entry.body) and entry.body.to <= to
    return count


def _is_work(body: Body) -> bool:
    """A call that came to something, other than one of `rewind` that was refused."""
    return isinstance(body, ToolResult) and body.name != "rewind"


def _is_own(body: Body) -> bool:
    return isinstance(body, Rewind) and body.by == "agent"


def _named(numbers: list[Seq]) -> str:
    return ", ".join(str(number) for number in numbers[-NAMED:]) or "none"


def abandoned(above: History, past: History, name: AgentId, at: Seq, call: CallId | None, told: str) -> list[Body]:
    """How the agent begins that the stretch up to entry `at` becomes; `told` answers the call that goes back."""
    agent = above.agent
    if agent is None:
        raise ValueError("a history without its line 1 cannot be left")
    line_one = Agent(
        v=agent.v,
        session=agent.session,
        agent=name,
        kind="abandoned",
        project=agent.project,
        model=above.model,
        effort=above.effort,
        system=(),
        tools=(),
        made_by=agent.made_by,
        access=above.access,
        net=above.net,
        parent=agent.agent,
        from_seq=at,
        call=call,
        task=_label(past),
        depth=agent.depth,
    )
    return [line_one, *answers_of(past, agent.agent, call, "rewind", told, NOT_HERE)]


def _label(past: History) -> str:
    """What the stretch was about: the newest prompt in it."""
    prompts = (entry.body.text for entry in reversed(past.entries) if isinstance(entry.body, Prompt))
    line = next((line.strip() for line in next(prompts, "").splitlines() if line.strip()), "")
    return line if len(line) <= 100 else line[:99] + "…"


def report_places(history: History, to: Seq) -> list[Seq]:
    """Where a report on a context that became too large can be written from, the newest first.

    The newest answer, on a context that fitted; and, since a request for a report may be what does not fit there, the
    checkpoint before the last two answers.
    """
    own = [entry for entry in line(history) if entry.seq > to]
    answers = [place for place, entry in enumerate(own) if isinstance(entry.body, Assistant)]
    if not answers:
        return []
    newest = own[answers[-1]]
    full = isinstance(newest.body, Assistant) and newest.body.stop_reason == FULL
    places = [] if full else [newest.seq]
    before = own[: answers[-2]] if len(answers) > 1 else own[: answers[-1]]
    return places + [entry.seq for entry in before if isinstance(entry.body, Checkpoint)][-1:]


def reported_since(history: History, to: Seq) -> bool:
    """Whether reports stand in the context after entry `to`: a past self gets them again, whoever writes the next."""
    return any(isinstance(entry.body, Rewind) and entry.body.report and entry.seq > to for entry in line(history))


def unread_since(history: History, at: Seq) -> str:
    """What came after entry `at`, in a few words; empty where nothing did."""
    since = [entry.body for entry in line(history) if entry.seq > at]
    steps = sum(isinstance(body, Assistant) for body in since)
    results = [body for body in since if isinstance(body, ToolResult)]
    told = []
    if steps:
        told.append(f"the last {f'{steps} steps' if steps > 1 else 'step'}")
    if results:
        names = ", ".join(dict.fromkeys(result.name for result in results))
        size = sum(len(dump(result.content)) for result in results)
        told.append(
            f"what {'a call' if len(results) == 1 else f'{len(results)} calls'} returned ({names}: {size:,} bytes)"
        )
    if any(isinstance(body, Prompt | Message) for body in since):
        told.append("what was said last, which is not answered yet")
    return ", and ".join(told)


def line(history: History) -> list[Entry]:
    """The agent's own entries that lead to where the head stands, oldest first: without what rewinds left behind."""
    return standing(history.entries.own, history.first_seq)


def standing(entries: Iterable[Entry], first: Seq = BEGINNING) -> list[Entry]:
    """Those of these entries that lead to where the last one stands, oldest first; `first` is what goes before them."""
    before: dict[Seq, tuple[Seq, Entry]] = {}
    head = first
    for entry in entries:
        body = entry.body
        goes = isinstance(body, Rewind) and (body.to == 0 or first <= body.to < entry.seq)
        before[entry.seq] = (body.to if isinstance(body, Rewind) and goes else head, entry)
        head = entry.seq
    found: list[Entry] = []
    while head in before:
        head, entry = before.pop(head)
        found.append(entry)
    return found[::-1]


def head_left(history: History, rewind: Entry) -> Seq:
    """The entry where the head stood before a rewind: going back to it undoes the rewind."""
    own = (entry for entry in reversed(history.entries.own) if entry.seq < rewind.seq)
    return next((entry.seq for entry in own if not isinstance(entry.body, Snapshot)), history.first_seq)

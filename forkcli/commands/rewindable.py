"""Where a conversation can go back to: its prompts with their steps, and the heads that earlier rewinds left."""

from collections.abc import Iterable
from itertools import pairwise

from forkcli.core import entries as e
from forkcli.core.budget import share
from forkcli.core.history import History
from forkcli.core.ids import Seq
from forkcli.core.messages import Block, calls_of, text_of
from forkcli.core.rewinding import head_left, line
from forkcli.ui.rewindable import RewindRow, StepRow

PREVIEW = 200  # characters of a preview
ABOUT = ("path", "command", "pattern", "to", "agent", "brief")  # inputs that say what a call was about


def rewind_rows(history: History) -> tuple[RewindRow, ...]:
    """One row a prompt and one for each rewind that can be undone, oldest first."""
    here = line(history)
    return tuple(sorted([*_prompts(history, here), *_undos(history, here)], key=lambda row: (row.at, row.number)))


def _prompts(history: History, entries: list[e.Entry]) -> Iterable[RewindRow]:
    starts = [n for n, entry in enumerate(entries) if isinstance(entry.body, e.Prompt)]
    for place, end in pairwise([*starts, len(entries)]):
        entry = entries[place]
        before = entries[place - 1].seq if place else history.first_seq
        text = entry.body.text if isinstance(entry.body, e.Prompt) else ""
        sealed = (later.seq for later in entries[place + 1 : end] if isinstance(later.body, e.Checkpoint))
        yield RewindRow(
            Seq(max(before, 1)),
            next(sealed, entry.seq),
            entry.at,
            _short(text),
            steps=tuple(_steps(entries[place + 1 : end])),
            prompt=entry.seq,
        )


def _steps(entries: list[e.Entry]) -> Iterable[StepRow]:
    """The checkpoints of a turn after that of its prompt, each with what the step before it did."""
    did = ""
    for entry in entries:
        match entry.body:
            case e.Assistant(content=content):
                did = _did(content)
            case e.Rewind(report=report, abandoned=author) if report:
                did = _short(f"report{f' of {author}' if author else ''}: {report}")
            case e.Checkpoint(context_tokens=tokens, window=window) if did:
                yield StepRow(entry.seq, did, share(tokens, window) if window else None, entry.at)


def _did(content: tuple[Block, ...]) -> str:
    """The beginning of what was said, and the calls with what they were about."""
    text = _short(text_of(content))
    calls = ", ".join(_call(block) for block in calls_of(content))
    return " · ".join(part for part in (calls, text) if part)


def _call(block: Block) -> str:
    given = block.get("input")
    about = next((str(given[key]) for key in ABOUT if given.get(key)), "") if isinstance(given, dict) else ""
    return f"{block.get('name')} {_short(about)}".strip()


def _undos(history: History, here: list[e.Entry]) -> Iterable[RewindRow]:
    """The heads that rewinds left and that nothing has gone back to since; of those that say the same, the newest."""
    standing = {entry.seq for entry in here}
    left: dict[Seq, RewindRow] = {}
    for entry in history.rewinds:
        head = head_left(history, entry)
        said = _said_at(history, head)
        if said > history.first_seq and said not in standing:
            left[said] = RewindRow(head, head, entry.at, _last_words(history, said), undo=True)
    return left.values()


def _said_at(history: History, head: Seq) -> Seq:
    """Where a head stands that was only gone back to: the entry that it went back to, snapshots of files apart."""
    bodies = {entry.seq: entry.body for entry in history.entries.own}
    while (body := bodies.get(head)) is not None:
        if isinstance(body, e.Snapshot):
            head = Seq(head - 1)
        elif isinstance(body, e.Rewind) and not body.report and body.to < head:
            head = body.to
        else:
            break
    return head


def _last_words(history: History, head: Seq) -> str:
    for entry in reversed(history.entries.own):
        if entry.seq <= head and isinstance(entry.body, e.Assistant | e.Prompt):
            said = entry.body.text if isinstance(entry.body, e.Prompt) else _did(entry.body.content)
            return _short(said)
    return ""


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= PREVIEW else one_line[: PREVIEW - 1] + "…"

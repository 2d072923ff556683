"""The files of one agent: the history, and what is derived from it. Fills `AgentFiles` of the engine's ports.

The history is written first; context.jsonl and transcript.md follow it and are made to match it again when the agent
is opened. Nothing here is decided: entries come in, lines go out.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from forkcli.core.entries import Agent, Body, Entry, Message, ModelChange, Notice
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq
from forkcli.core.messages import Message as ContextMessage
from forkcli.errors import ForkError
from forkcli.store import layout
from forkcli.store.codec import decode, encode
from forkcli.store.context_file import ContextFile, Match, compare, head_line
from forkcli.store.files import append_file, own_folder, replace_file, saving
from forkcli.store.history_file import HistoryFile, keep_damaged
from forkcli.store.inbox import Inbox
from forkcli.store.lineage import Lineage, check_name
from forkcli.store.reading import Damage, HistoryRead, read_history
from forkcli.store.transcript import render

HISTORY, CONTEXT, TRANSCRIPT = layout.HISTORY, "context.jsonl", "transcript.md"
OUTPUTS, INBOX, REPORT = "outputs", "inbox", "report.md"
MOST_TOLD = 20  # damaged lines that the agent is told of
_NUMBER = re.compile(r"\d{1,9}(?=-)")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class AgentDir:
    """One agent's folder, open for writing. Made by `create_agent` and `open_agent` alone."""

    def __init__(self, folder: Path, history: HistoryFile, past: HistoryRead, clock: Clock) -> None:
        self._folder = folder
        self._history = history
        self._clock = clock
        self._next_seq = past.next_seq
        self._line_1 = next((entry.body for entry in past.entries if isinstance(entry.body, Agent)), None)
        self._context = ContextFile(folder / CONTEXT)
        done = [entry.body.file for entry in past.entries if isinstance(entry.body, Message) and entry.body.file]
        # sessions/<session>/agents/<agent> lies in <project>/.fork
        self._inbox = Inbox(folder / INBOX, folder.parents[4], done)
        self._outputs = 0
        for name in ("", OUTPUTS, INBOX):
            own_folder(folder / name)

    @property
    def folder(self) -> Path:
        """`.fork/sessions/<session>/agents/<agent>`, absolute."""
        return self._folder

    def append(self, bodies: Sequence[Body], *, sync: bool) -> list[Entry]:
        """Append entries, numbered and timed; with `sync` all so far is on disk. Raises ForkError(STORAGE)."""
        now = self._clock().astimezone(UTC)
        at = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
        entries, lines = [], []
        for seq, body in enumerate(bodies, self._next_seq):
            entry = Entry(Seq(seq), at, body)
            line = encode(entry)
            # Halves of a surrogate pair that stand side by side come back joined: hand out what will be read again.
            entries.append(decode(line, 0) if b"\\ud" in line else entry)
            lines.append(line)
        self._history.append(b"".join(lines), sync=sync)
        self._next_seq += len(entries)
        return entries

    def derive(self, entries: Sequence[Entry], messages: Sequence[ContextMessage]) -> None:
        """Bring transcript.md and context.jsonl up to date. Raises ForkError(STORAGE)."""
        for entry in entries:
            match entry.body:
                case Agent() as line_1 if self._line_1 is None:
                    self._line_1 = line_1
                    self._head(line_1.model)
                case ModelChange(model=model):
                    self._head(model)
        append_file(self._folder / TRANSCRIPT, b"".join(render(entry) for entry in entries))
        self._context.append(messages)

    def new_output(self, stem: str, suffix: str = ".txt") -> Path:
        """A path under `outputs/` that no file has yet, in the order of asking; its folder exists."""
        folder = self._folder / OUTPUTS
        own_folder(folder)
        stem = _UNSAFE.sub("-", stem).strip("-.")[:60] or "output"
        if not self._outputs:
            self._outputs = _highest_number(folder)
        self._outputs += 1
        return folder / f"{self._outputs:04d}-{stem}{_UNSAFE.sub('-', suffix)}"

    def write_report(self, text: str) -> None:
        """Keep the agent's last report as report.md. Raises ForkError(STORAGE)."""
        replace_file(self._folder / REPORT, [text.encode("utf-8", "backslashreplace"), b"\n"])

    def take_inbox(self) -> list[tuple[str, str, str]]:
        """New messages as (sender, text, file name), oldest first; each is handed out once."""
        return self._inbox.take()

    def inbox_done(self, names: Sequence[str]) -> None:
        """The named messages are in the history and are not handed out again."""
        self._inbox.done(names)

    def rebuild(self, history: History) -> None:
        """Make context.jsonl again: a rewind has put another context in place. Raises ForkError(STORAGE)."""
        self._line_1 = history.agent if history.head.bounds else history.root
        self._context.rebuild(history)

    def match_history(self, history: History) -> None:
        """Make context.jsonl and transcript.md what the history says, where a crash or a hand made them differ."""
        if self._context.match(history) is not Match.SAME:
            self.rebuild(history)
        path = self._folder / TRANSCRIPT
        entries = history.entries.own
        match compare(path, transcript_parts(entries)):
            case Match.SAME:
                pass
            case Match.LAGS:
                # Continued in place, so that whoever follows the file with `tail -f` goes on reading.
                append_file(path, _after(path, transcript_parts(entries)))
            case _:
                replace_file(path, transcript_parts(entries))

    def close(self) -> None:
        """Close the history; nothing is lost."""
        self._history.close()

    def _head(self, model: str) -> None:
        if self._line_1 is not None:
            self._context.replace_head(head_line(self._line_1, model))


def create_agent(folder: Path, clock: Clock = utc_now, first_seq: int = 1) -> AgentDir:
    """Make the files of a new agent; its first entry, which gets the number `first_seq`, is yet to come.

    Raises ForkError(STORAGE), also if the agent is there already.
    """
    own_folder(folder.parent)
    own_folder(folder)
    return AgentDir(folder, HistoryFile(folder / HISTORY, new=True), HistoryRead([], [], first_seq=first_seq), clock)


def is_begun(folder: Path) -> bool:
    """Whether the agent has a history. One that a crash left without its first line was never told: it is removed."""
    path = folder / HISTORY
    if not path.exists():
        return False
    read = read_history(path)
    if read.entries or read.damage:
        return True
    with saving(path):
        path.unlink()
    return False


def open_agent(
    folder: Path, clock: Clock = utc_now, past: History | None = None
) -> tuple[AgentDir, History, list[Damage]]:
    """Open an agent to go on with it: its files, its folded history, and the damage that was found (and copied).

    `past` is its parent's history, where that is at hand. Raises ForkError for a history that cannot be gone on with,
    or that another process writes.
    """
    for part in (folder.parents[1], folder.parent, folder):
        own_folder(part, make=False)
    path = folder / HISTORY
    size = path.stat().st_size if path.exists() else 0
    read = read_agent(folder)
    file = HistoryFile(path)  # from here on nobody else appends to it
    try:
        if file.size != size:
            read = read_agent(folder)
        if read.damage:
            keep_damaged(path, read.damage)
        files = AgentDir(folder, file, read, clock)
        return files, _gone_on(files, folder, read, past), read.damage
    except BaseException:
        file.close()
        raise


def _gone_on(files: AgentDir, folder: Path, read: HistoryRead, past: History | None) -> History:
    history = folded(folder, read, past)
    if read.unread:
        # The number of an unreadable line is never given again; this entry says so, and numbers go on from it.
        ends = read.damage[-min(read.unread, MOST_TOLD) :]
        lost = "\n".join(f"line {damage.line_no}: {damage.reason}" for damage in ends)
        told = f"The end of this agent's history is damaged, so its last entries are lost ({lost})."
        for entry in files.append([Notice(told)], sync=True):
            history.add(entry)
    files.match_history(history)
    return history


def folded(folder: Path, read: HistoryRead, past: History | None = None) -> History:
    """What a history comes to, after the past that it shares with its parent (read from the parent's file)."""
    line_1 = next((entry.body for entry in read.entries if isinstance(entry.body, Agent)), None)
    if line_1 is None or line_1.parent is None or line_1.from_seq is None:
        return History.of(read.entries)
    if past is None:
        return Lineage(folder.parent).history(AgentId(folder.name), read)
    if past.agent is not None and past.agent.agent != line_1.parent:
        raise ForkError(f"the history of {folder.name} goes on from that of {line_1.parent}, not of {past.agent.agent}")
    history = past.forked(line_1.from_seq)
    for entry in read.entries:
        history.add(entry)
    return history


def read_agent(folder: Path) -> HistoryRead:
    """An agent's history, read only. Raises ForkError if it cannot be read or does not say what the agent is."""
    path = folder / HISTORY
    read = read_history(path)
    if read.entries and isinstance(first := read.entries[0].body, Agent):
        check_name(folder, first)
        return read
    if not read.entries and not read.damage:
        raise ForkError(f"`{path}` is empty: the agent never started")
    raise ForkError(
        f"`{path}` cannot be gone on with: its first line, which says what the agent is, is damaged",
        "`fork check` shows what is damaged; the transcript beside it may still be readable",
    )


def transcript_parts(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The whole transcript, entry by entry."""
    return (render(entry) for entry in entries)


def _after(path: Path, parts: Iterator[bytes]) -> bytes:
    """What a transcript that ended too early lacks."""
    with saving(path):
        there = path.stat().st_size
    return b"".join(parts)[there:]


def _highest_number(folder: Path) -> int:
    with saving(folder):
        numbers = [int(found[0]) for item in folder.iterdir() if (found := _NUMBER.match(item.name))]
    return max(numbers, default=0)

"""Reading a history: its entries in order, and every line that is damaged. Reading never writes.

Nothing is hidden by a damaged line: what follows it is read. Only a torn tail is silent: a line without newline at the
file's end, or the start of a line that a later append closed with a newline. Such a line never was an entry: its number
was given again to the entry that follows it. A number that no readable line carries is damage too. Whatever a file
holds, no more of it is in memory than its entries, one line, and the beginnings of some damaged ones.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from forkcli.core.entries import Entry
from forkcli.errors import ForkError
from forkcli.store.codec import LONGEST_LINE, DamagedLineError, decode, is_sealed
from forkcli.store.files import open_private

MOST_RAW = 64 << 20  # bytes of damaged lines that are held whole; of further ones their beginnings and ends
PIECE = 4096  # bytes of such a beginning
MOST_DAMAGE = 1000  # damaged lines that are told one by one


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is no entry; `raw` are its bytes (empty where a line is missing)."""

    line_no: int
    reason: str
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """What a history file holds: `torn_tail` says it ends in a piece of a line, `unread` counts damaged lines there."""

    entries: list[Entry]
    damage: list[Damage]
    torn_tail: bool = False
    unread: int = 0
    first_seq: int = 1  # the number that the first line gets, where there is none yet

    @property
    def next_seq(self) -> int:
        """A number that no line of the file carries, also none that cannot be read."""
        return (self.entries[-1].seq + 1 if self.entries else self.first_seq) + self.unread


def read_history(path: Path) -> HistoryRead:
    """Read a history file. Raises ForkError if it is not there, cannot be opened, or is of a newer version."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as lines:
            return read_lines(bounded(lines))
    except FileNotFoundError:
        raise ForkError(f"there is no history at `{path}`", "`fork ls` lists the sessions of this project") from None
    except OSError as error:
        raise ForkError(f"cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error


def first_entry(path: Path) -> Entry | None:
    """The first entry of a history, which says what the agent is; None if there is none that can be read."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as lines:
            return decode(next(bounded(lines), b""), 1)
    except (OSError, DamagedLineError):
        return None


def bounded(file: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """The lines of a file. Of one of more than `longest` bytes only the beginning, and its newline if it has one."""
    while line := file.readline(longest):
        if len(line) == longest and not line.endswith(b"\n"):
            line = line[:PIECE]
            while piece := file.readline(1 << 20):
                if piece.endswith(b"\n"):
                    line += b"\n"
                    break
        yield line


def read_lines(lines: Iterable[bytes]) -> HistoryRead:
    """The entries and the damage of a history's lines, each with its newline but perhaps the last."""
    reader = _Reader()
    for line_no, line in enumerate(lines, 1):
        reader.take(line_no, line)
    return reader.finish()


class _Reader:
    """Folds lines; holds the damaged ones back until the next readable line tells what they were."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._damage: list[Damage] = []
        self._held: list[Damage] = []
        self._unread = 0
        self._raw = 0  # bytes of damaged lines so far
        self._torn_tail = False

    def take(self, line_no: int, line: bytes) -> None:
        try:
            entry = decode(line, line_no)
        except DamagedLineError as error:
            if line.endswith(b"\n"):
                self._hold(line_no, error.reason, line)
                self._unread += 1
            else:
                self._torn_tail = True
            return
        last = self._entries[-1].seq if self._entries else None
        if last is not None and entry.seq <= last:
            self._hold(line_no, f"its number {entry.seq} does not follow {last}", line)
            return
        self._settle(line_no, entry.seq - 1 - last if last is not None else None)
        self._entries.append(entry)

    def _hold(self, line_no: int, reason: str, line: bytes) -> None:
        """Keep a damaged line until it is known what it was; of very many the first, and that there are more."""
        told = len(self._damage) + len(self._held)
        if told == MOST_DAMAGE:
            line, reason = b"", "this line and perhaps further ones are damaged, which is not told any more"
        elif told > MOST_DAMAGE:
            return
        self._raw += len(line)
        if self._raw > MOST_RAW and len(line) > 2 * PIECE:
            line = line[:PIECE] + line[-PIECE:]
        self._held.append(Damage(line_no, reason, line))

    def finish(self) -> HistoryRead:
        self._damage.extend(self._held)
        return HistoryRead(self._entries, self._damage, self._torn_tail, self._unread)

    def _settle(self, line_no: int, skipped: int | None) -> None:
        """Judge the lines held back, now that `skipped` numbers are known to be missing before this line."""
        held, self._held, self._unread = self._held, [], 0
        if skipped == 0 and self._entries:
            expected = self._entries[-1].seq + 1
            held = [damage for damage in held if not _is_torn(damage.raw, expected)]
        elif skipped and not held:
            missing = "one entry is" if skipped == 1 else f"{skipped} entries are"
            held = [Damage(line_no, f"{missing} missing before it")]
        self._damage.extend(held)


def _is_torn(line: bytes, seq: int) -> bool:
    """Whether `line` is the start of entry `seq`, cut off before its checksum."""
    piece = line.removesuffix(b"\n").rstrip(b"\0")
    start = b'{"seq":%d,' % seq
    return (piece.startswith(start) or start.startswith(piece)) and not is_sealed(line)

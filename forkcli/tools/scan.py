"""Reads a range of lines out of a file of any size, piece by piece, in bounded memory.

Lines end at `\\n` as in grep and editors. It holds never more than one piece and the lines that it will show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

LINE_CHARS = 2000
SHOWN_BYTES = 64 * 1024
PIECE = 1 << 20
COUNTED_BYTES = 10 << 20  # a file up to this size is read to its end, to tell how many lines it has
_BOM = b"\xef\xbb\xbf"
_ROW_BYTES = 8  # what a line's number adds
_MOST_LINES = SHOWN_BYTES // _ROW_BYTES + 1  # more are never shown
_LINE_BYTES = 4 * LINE_CHARS  # so many bytes hold LINE_CHARS characters, whatever they are


@dataclass(slots=True)
class Lines:
    """What was found. `total` is None where the file was not read to its end."""

    first: int
    texts: list[str] = field(default_factory=list)
    total: int | None = None
    crlf: int = 0  # of the lines shown, those that end in \r\n
    ended: int = 0  # of the lines shown whole, those that end in any newline
    undecodable: bool = False
    bom: bool = False
    newline_at_end: bool = True  # known where `total` is

    @property
    def last(self) -> int:
        """Number of the last line shown."""
        return self.first + len(self.texts) - 1


def lines_of(read: Callable[[int, int], bytes], first: int, limit: int, *, count_to: int = COUNTED_BYTES) -> Lines:
    """Lines `first` to `first + limit - 1` (from 1) of what `read(size, offset)` gives; fewer at SHOWN_BYTES.

    Beyond `count_to` bytes it stops after the last line shown instead of counting the rest.
    """
    found = Lines(first)
    scan = _Scan(found, first + limit)
    offset, newlines, last = 0, 0, b"\n"
    while piece := read(PIECE, offset):
        text = piece
        if offset == 0 and piece.startswith(_BOM):
            found.bom = True
            text = piece[len(_BOM) :]
        offset += len(piece)
        newlines += text.count(b"\n")
        last = text[-1:] or last
        scan.feed(text)
        if scan.full and offset >= count_to:
            return found
    scan.close()
    found.newline_at_end = last == b"\n"
    found.total = newlines + (not found.newline_at_end)
    return found


class _Scan:
    """Takes pieces of the file in order; `line` is the number of the line that the next byte belongs to."""

    __slots__ = ("_before", "_begun", "_cut", "_partial", "_shown", "found", "full", "line")

    def __init__(self, found: Lines, before: int) -> None:
        self.found = found
        self.full = False  # no further line will be shown
        self.line = 1
        self._before = before
        self._begun = False  # whether the begun line has any byte
        self._partial = b""  # of the begun line, up to _LINE_BYTES
        self._cut = 0  # bytes of it that were left away
        self._shown = 0

    def feed(self, piece: bytes) -> None:
        """The next bytes of the file."""
        if self.full:
            return
        skipped = self.found.first - self.line
        if skipped > 0:
            newlines = piece.count(b"\n")
            if newlines < skipped:
                self.line += newlines
                return
            piece = piece.split(b"\n", skipped)[-1]
            self.line = self.found.first
        *ended, begun = piece.split(b"\n", min(self._before - self.line, _MOST_LINES))
        for part in ended:
            self._take(part)
            if self._end_line(newline=True):
                return
        self._take(begun)

    def close(self) -> None:
        """The file is at its end: a last line without newline counts."""
        if self._begun and not self.full:
            self._end_line(newline=False)

    def _take(self, part: bytes) -> None:
        """More of the begun line."""
        if not part:
            return
        if not self._begun and len(part) <= _LINE_BYTES:
            self._begun, self._partial = True, part
            return
        self._begun = True
        room = _LINE_BYTES - len(self._partial)
        self._partial += part[:room]
        self._cut += max(len(part) - room, 0)

    def _end_line(self, *, newline: bool) -> bool:
        """The begun line is whole; whether nothing more will be shown."""
        self._show(self._partial, newline=newline)
        self.line += 1
        self._partial, self._cut, self._begun = b"", 0, False
        self.full = self.full or self.line >= self._before
        return self.full

    def _show(self, raw: bytes, *, newline: bool) -> None:
        if newline and not self._cut:
            self.found.ended += 1
            if raw.endswith(b"\r"):
                raw = raw[:-1]
                self.found.crlf += 1
        text = raw.decode(errors="replace")
        if "�" in text and not self._cut and not _decodes(raw):
            self.found.undecodable = True
        self._shown += len(raw) + _ROW_BYTES
        if len(text) > LINE_CHARS:
            more = len(raw) + self._cut - len(text[:LINE_CHARS].encode(errors="replace"))
            self._shown += len(text[:LINE_CHARS].encode()) - len(raw)
            text = f"{text[:LINE_CHARS]} [… {max(more, 1):,} more bytes in this line]"
        if self._shown > SHOWN_BYTES and self.found.texts:
            self.full = True
            return
        self.found.texts.append(text.replace("\0", "␀") if "\0" in text else text)


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True

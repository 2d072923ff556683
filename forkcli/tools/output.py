"""Cuts a command's output to what the context takes: head, what was left out and where it lies whole, tail.

It reads the spool file only to count lines. What is shown never exceeds HEAD_CHARS + TAIL_CHARS and a line of its own.
"""

from dataclasses import dataclass
from pathlib import Path

from forkcli.engine.ports import CommandEnd
from forkcli.tools.plain import is_binary, plain

HEAD_CHARS = 20_000
TAIL_CHARS = 10_000
LIMIT_CHARS = HEAD_CHARS + TAIL_CHARS
EDGE_CHARS = 2000  # a cut moves to a line's end if that costs at most so much
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """Output as the model reads it. `cut`: it is not all there, so the whole has to be kept."""

    text: str
    cut: bool = False


def shown(end: CommandEnd, whole: Path, whole_name: str) -> Shown:
    """The output of an ended command; `whole` is (or will be) the file that holds all of it.

    An output with a tail makes it read that file, up to 64 MiB: use a thread then.
    """
    if is_binary(end.head) or (end.tail and is_binary(end.tail)):
        if not end.spooled:
            return Shown(f"[binary output, {size(end.total)}, not shown; redirect it to a file to keep it]")
        return Shown(f"[binary output, {size(end.total)}, not shown; all of it: {whole_name}]", cut=True)
    if not end.tail:
        text = plain(end.head).strip("\n")
        if len(text) <= LIMIT_CHARS:
            return Shown(text)
        return Shown(_joined(text, text, text.count("\n") + 1, end.total, whole_name), cut=True)
    lines = count_lines(whole) if end.spooled else None
    return Shown(_joined(plain(end.head), plain(end.tail), lines, end.total, whole_name), cut=True)


def size(count: int) -> str:
    """A number of bytes for people: `812 bytes`, `3.4 MiB`."""
    if count < 10_000:
        return f"{count:,} byte{'' if count == 1 else 's'}"
    return f"{count / 1024:,.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):,.1f} MiB"


def count_lines(path: Path) -> int | None:
    """Lines of a file, a last one without newline included; None when it cannot be read."""
    lines, last = 0, b"\n"
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                lines += chunk.count(b"\n")
                last = chunk[-1:]
    except OSError:
        return None
    return lines + (last != b"\n")


def _joined(head: str, tail: str, lines: int | None, total: int, whole_name: str) -> str:
    """Head and tail at line ends where that is near, and between them what was left out."""
    first = _to_line_end(head[:HEAD_CHARS])
    last = _from_line_start(tail[-TAIL_CHARS:]).rstrip("\n")
    left_bytes = max(total - len(first.encode()) - len(last.encode()), 0)
    left = size(left_bytes)
    if lines is not None:
        gone = lines - first.count("\n") - last.count("\n") - 1 - (not first.endswith("\n"))
        left = f"{gone:,} lines, {left}" if gone > 0 else left
    note = f"[… {left} left out; all of it: {whole_name} …]"
    return f"{first.rstrip(chr(10))}\n{note}\n{last}"


def _to_line_end(text: str) -> str:
    end = text.rfind("\n") + 1
    return text[:end] if end and len(text) - end <= EDGE_CHARS else text


def _from_line_start(text: str) -> str:
    start = text.find("\n") + 1
    return text[start:] if 0 < start <= EDGE_CHARS else text

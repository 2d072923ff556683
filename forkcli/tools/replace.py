"""Exact replacement in a file's bytes. Pure.

What is not replaced stays as it is, bytes that are no UTF-8 and the byte order mark included; where `\\n` stands for a
line end of the file, the file's own line ends are matched and written.
"""

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` to `end` of the file are to become `text`."""

    start: int
    end: int
    text: bytes


def spans_of(data: bytes, old: bytes, new: bytes) -> list[Span]:
    """Every place where `old` stands, left to right, not overlapping, with what replaces it there.

    Only when nothing matches byte for byte are line ends taken as equal.
    """
    exact = _places(data, old)
    if exact:
        return [Span(start, start + len(old), _fitted(data, start, old, new)) for start in exact]
    if b"\n" not in old or (b"\r\n" not in data and b"\r\n" not in old):
        return []
    return _across_line_ends(data, old.replace(b"\r\n", b"\n"), new)


def replaced(data: bytes, spans: list[Span]) -> bytes:
    """The file after the replacements; `spans` are in order."""
    parts: list[bytes] = []
    at = 0
    for span in spans:
        parts += [data[at : span.start], span.text]
        at = span.end
    return b"".join([*parts, data[at:]])


def _places(data: bytes, old: bytes) -> list[int]:
    found: list[int] = []
    at = data.find(old)
    while at >= 0:
        found.append(at)
        at = data.find(old, at + len(old))
    return found


def _across_line_ends(data: bytes, old: bytes, new: bytes) -> list[Span]:
    """Matches with CRLF and LF taken as equal: found in a copy with LF alone, and counted back to the file."""
    returns = _places(data, b"\r\n")
    shortened = [at - gone for gone, at in enumerate(returns)]  # where each of these line ends is in the copy
    spans: list[Span] = []
    for at in _places(data.replace(b"\r\n", b"\n"), old):
        start = at + bisect_left(shortened, at)
        end = at + len(old) + bisect_left(shortened, at + len(old))
        matched = data[start:end]
        crlf = matched.count(b"\r\n") * 2 > matched.count(b"\n")
        spans.append(Span(start, end, _with_ends(new, crlf=crlf)))
    return spans


def _fitted(data: bytes, start: int, old: bytes, new: bytes) -> bytes:
    """`new` with the line ends that are used where a part of a line is replaced by several lines."""
    if b"\n" in old or b"\n" not in new or b"\r" in new:
        return new
    end = data.find(b"\n", start)
    if end < 0:
        end = data.rfind(b"\n", 0, start)
    return _with_ends(new, crlf=end > 0 and data[end - 1 : end] == b"\r")


def _with_ends(text: bytes, *, crlf: bool) -> bytes:
    text = text.replace(b"\r\n", b"\n")
    return text.replace(b"\n", b"\r\n") if crlf else text

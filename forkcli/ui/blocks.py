"""Cuts streamed Markdown into blocks. Pure: it holds text and knows no terminal.

Each finished block is given out exactly once and in order; what is not finished stays in `rest`. Invariant: the blocks
joined hold every line that was fed, fences that are given out in pieces being closed and opened again.
"""

import re
from dataclasses import dataclass

LONGEST_BLOCK = 16_384  # characters; a longer block is given out in pieces
FENCE_PIECE = 40  # lines of an open code block after which what is there is given out

_FENCE = re.compile(r"\s*(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r" {0,3}#{1,6}(\s|$)")


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    """A block of Markdown; `joins` says that it goes on right below the block before it."""

    text: str
    joins: bool = False


class BlockSplitter:
    """Takes text piece by piece and gives out the blocks that are finished."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._tail = ""  # the line that has no end yet
        self._blank = False  # the last line was blank: the next one decides whether the block is over
        self._fence = ""  # the mark that closes the open fence
        self._opening = ""  # the line that opened it
        self._joins = False

    @property
    def rest(self) -> MarkdownBlock:
        """The unfinished block."""
        return MarkdownBlock("\n".join([*self._lines, self._tail]), self._joins)

    def feed(self, text: str) -> list[MarkdownBlock]:
        """Add text; the blocks that it finished."""
        *lines, self._tail = (self._tail + text).split("\n")
        done: list[MarkdownBlock] = []
        for line in lines:
            self._line(line, done)
        if self._blank and self._tail[:1] not in {"", " ", "\t"}:
            self._take(done)
        if self._size + len(self._tail) > LONGEST_BLOCK:
            self._cut(done)
        return done

    def end(self) -> list[MarkdownBlock]:
        """No more text comes: what was left. The splitter is as new."""
        done: list[MarkdownBlock] = []
        if self._tail:
            self._add(self._tail)
        if not self._joins or self._lines != [self._opening]:
            self._take(done)
        self.drop()
        return done

    def drop(self) -> None:
        """Forget what is unfinished."""
        self._lines, self._size, self._tail = [], 0, ""
        self._blank, self._joins, self._fence, self._opening = False, False, "", ""

    def _line(self, line: str, done: list[MarkdownBlock]) -> None:
        if self._fence:
            self._line_of_code(line, done)
            return
        if not line.strip():
            self._blank = bool(self._lines)
            if self._lines:
                self._add(line)
            return
        fence = _FENCE.match(line)
        at_margin = line[:1] not in {" ", "\t"}
        if at_margin and (self._blank or fence):
            self._take(done)
        self._blank = False
        self._add(line)
        if fence:
            self._fence, self._opening = fence[1], line
        elif len(self._lines) == 1 and _HEADING.match(line):
            self._take(done)

    def _line_of_code(self, line: str, done: list[MarkdownBlock]) -> None:
        self._add(line)
        bare = line.strip()
        if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
            self._fence = ""
            if self._lines[0] == self._opening:
                self._take(done)
        elif len(self._lines) > FENCE_PIECE and self._lines[0] == self._opening:
            self._cut(done)

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line) + 1

    def _take(self, done: list[MarkdownBlock]) -> None:
        text = "\n".join(self._lines).rstrip()
        if text:
            done.append(MarkdownBlock(text, self._joins))
        self._lines, self._size, self._blank, self._joins = [], 0, False, False

    def _cut(self, done: list[MarkdownBlock]) -> None:
        """Give out what is there of a block that grows too long, and go on with the same block."""
        if not self._lines or self._lines == [self._opening]:
            self._add(self._tail)
            self._tail = ""
        if self._fence:
            self._add(self._fence)
        self._take(done)
        self._joins = True
        if self._fence:
            self._add(self._opening)

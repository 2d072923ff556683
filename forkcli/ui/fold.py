"""Lines that hang: behind a prefix, and when they are too long for the terminal, behind another prefix in further rows.

Words wrap as words. What must be seen exactly as it is (commands, code, output) is folded at the very cell: no blank is
lost and nothing moves.
"""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

LEAST = 8  # cells that the text gets, however long its prefix


@dataclass(frozen=True, slots=True)
class Hanging:
    """A renderable: one line of text behind its prefixes."""

    first: Text
    further: Text
    body: Text
    exact: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows."""
        prefix = max(cell_len(self.first.plain), cell_len(self.further.plain))
        room = max(LEAST, options.max_width - prefix)
        rows = cut(self.body, room) if self.exact else self.body.wrap(console, room, overflow="fold")
        for number, row in enumerate(rows):
            row.no_wrap, row.overflow = True, "ignore"
            yield Text.assemble(self.further if number else self.first, row, no_wrap=True, overflow="ignore")


def hang(first: Text | str, body: Text | str, further: Text | str | None = None) -> Hanging:
    """Words behind `first`; further rows behind `further`, or behind as many blanks."""
    return _hanging(first, body, further, exact=False)


def fold(first: Text | str, body: Text | str, further: Text | str | None = None) -> Hanging:
    """Text that is folded at the cell; tabs are four blanks."""
    return _hanging(first, body, further, exact=True)


def _hanging(first: Text | str, body: Text | str, further: Text | str | None, *, exact: bool) -> Hanging:
    head = Text(first) if isinstance(first, str) else first
    if further is None:
        further = " " * cell_len(head.plain)
    text = Text(body) if isinstance(body, str) else body.copy()
    text.expand_tabs(4)
    return Hanging(head, Text(further) if isinstance(further, str) else further, text, exact)


def cut(text: Text, width: int) -> list[Text]:
    """The text in rows of at most `width` cells (at least 2); joined they are the text."""
    offsets, used = [], 0
    for offset, char in enumerate(text.plain):
        cells = cell_len(char)
        if used + cells > width:
            offsets.append(offset)
            used = 0
        used += cells
    return list(text.divide(offsets)) if offsets else [text]

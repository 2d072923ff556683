"""Folds a line at the exact width, cell by cell: no blank is lost and no word moves, as a word-wrap would do."""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

_FAINT = Style(dim=True)


@dataclass(frozen=True, slots=True)
class Folded:
    """A renderable made by `fold`."""

    text: str
    first: str
    further: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        room = max(2, options.max_width - cell_len(self.first))
        for number, piece in enumerate(pieces(self.text, room)):
            yield Segment(self.further if number else self.first, _FAINT)
            yield Segment(piece)
            yield Segment.line()


def fold(text: str, first: str, further: str) -> Folded:
    """A renderable: `text`, which must be sanitized, behind `first`, its further rows behind `further`."""
    return Folded(text.replace("\t", "    "), first, further)


def pieces(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width` cells (at least 2); joined they are the text."""
    out: list[str] = []
    piece, used = "", 0
    for char in text:
        cells = cell_len(char)
        if used + cells > width:
            out.append(piece)
            piece, used = "", 0
        piece += char
        used += cells
    return [*out, piece]

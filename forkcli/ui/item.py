"""A piece of the scrollback: something to print once, and how it sits below what was printed before it."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import RenderableType

from forkcli.ui.console import Line, Paper


@dataclass(frozen=True, slots=True)
class Item:
    """`dense` items stand under each other without a blank line; one that `joins` goes on right below any other."""

    body: RenderableType
    dense: bool = False
    joins: bool = False


class Roll:
    """Lays items out as lines, one below the other. It knows what it laid out last and nothing else."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._last: Item | None = None

    def lines(self, items: Iterable[Item], width: int) -> list[Line]:
        """The lines of the items, with blank lines between what does not belong together."""
        out: list[Line] = []
        for item in items:
            lines = bare(self._paper.lines(item.body, width))
            if not lines:
                continue
            together = item.joins or (self._last is not None and self._last.dense and item.dense)
            if not together:
                out.append([])
            out.extend(lines)
            self._last = item
        return out


def bare(lines: list[Line]) -> list[Line]:
    """The lines without blank ones at both ends."""
    start, end = 0, len(lines)
    while start < end and not lines[start]:
        start += 1
    while end > start and not lines[end - 1]:
        end -= 1
    return lines[start:end]

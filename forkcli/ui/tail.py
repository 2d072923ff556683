"""The end of a conversation: the last rows of many items, whatever width they are laid out at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from forkcli.ui.item import Item
from forkcli.ui.look import FAINT


@dataclass(frozen=True, slots=True)
class Tail:
    """A renderable: as many of the last rows as `rows`, below `more` where there are others above."""

    items: Sequence[Item]
    rows: int
    more: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows."""
        found: list[list[Segment]] = []
        for row in self._upwards(console, options):
            if len(found) == self.rows:
                found.append([*Text(self.more, FAINT).render(console)])
                break
            found.append(row)
        for row in reversed(found):
            yield from row
            yield Segment.line()

    def _upwards(self, console: Console, options: ConsoleOptions) -> Iterator[list[Segment]]:
        below: Item | None = None
        for item in reversed(self.items):
            if below is not None and not (below.joins or (below.dense and item.dense)):
                yield []
            yield from reversed(console.render_lines(item.body, options, pad=False))
            below = item

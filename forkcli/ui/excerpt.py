"""The beginning of a text in Markdown that somebody handed over, set off by two columns: a report.

Blank rows are left out, so that it stands as one piece; what does not fit is counted.
"""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from forkcli.ui.figures import count
from forkcli.ui.look import FAINT, Look
from forkcli.ui.markdown import markdown

INDENT = "  "
LONGEST = 16_384  # characters that are laid out; nobody reads more of an excerpt


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A renderable: at most `most` rows of the text."""

    text: str
    most: int
    look: Look

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The rows."""
        narrower = options.update(width=max(8, options.max_width - len(INDENT)), height=None)
        laid_out = console.render_lines(markdown(self.text[:LONGEST]), narrower, pad=False)
        rows = [row for row in laid_out if "".join(part.text for part in row).strip()]
        for row in rows[: self.most]:
            yield Segment(INDENT)
            yield from row
            yield Segment.line()
        more = len(rows) - self.most
        if more > 0:
            yield Text(f"{INDENT}{self.look.more} {count(more, 'more line')}", FAINT)
        elif len(self.text) > LONGEST:
            yield Text(f"{INDENT}{self.look.more}", FAINT)

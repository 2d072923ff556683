"""A slash command or a `!` command of the user's while it runs: its name, since when, and the last of its output."""

from rich.text import Text

from forkcli.ui.figures import seconds
from forkcli.ui.look import FAINT, Look
from forkcli.ui.sanitize import command_lines, one_line, sanitize

TAIL_LINES = 8
TAIL_CHARS = 8000
QUIET_S = 0.3  # an errand that ends sooner is not shown at all


class Errand:
    """One errand."""

    def __init__(self, name: str, since: float) -> None:
        self.name = name
        self._since = since
        self._heard = ""

    def output(self, text: str) -> None:
        """More of its output."""
        self._heard = (self._heard + text)[-TAIL_CHARS:]

    def lines(self, now: float, look: Look, spin: str) -> list[Text]:
        """For the live area."""
        if now - self._since < QUIET_S:
            return []
        head = Text.assemble((f"{spin} ", "cyan"), one_line(self.name, 120))
        head.append(f"{look.sep}{seconds(now - self._since)}{look.sep}esc stops", FAINT)
        heard = [line for line in command_lines(self._heard) if line.strip()][-TAIL_LINES:]
        return [*(Text(f"  {look.bar} {sanitize(line)}", FAINT) for line in heard), head]

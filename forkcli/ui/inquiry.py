"""A question that an agent asks the person: its words go into the scrollback, the next line that is sent answers it.

The input line stays what it is, so an answer is written like a prompt. Invariant: only a line that was sent is an
answer; Esc on an empty line leaves the question without one.
"""

from rich.console import Group
from rich.text import Text

from forkcli.ui.fold import hang
from forkcli.ui.item import Item
from forkcli.ui.look import FAINT, STRONG, WARN, Look
from forkcli.ui.sanitize import first_line, one_line, sanitize

LONGEST = 8000  # characters of a question
LONG_LINES = 12  # a question that takes more rows may have scrolled its own beginning away


def inquiry_item(agent: str, text: str, look: Look) -> Item:
    """The question, whole, for the scrollback."""
    return spoken(agent, "asks you", text, look)


def told_item(agent: str, text: str, look: Look) -> Item:
    """What an agent tells the person."""
    return spoken(agent, "tells you", text, look)


def spoken(agent: str, how: str, text: str, look: Look) -> Item:
    """Words of an agent to the person."""
    head = Text.assemble((f"{look.agent} ", WARN), (one_line(agent, 20), STRONG), f" {how}:")
    rest = f"{look.more} {len(text) - LONGEST:,} more characters; transcript.md of {one_line(agent, 20)} has all"
    more = f"\n{rest}" if len(text) > LONGEST else ""
    lines = sanitize(text[:LONGEST].strip("\n") + more).split("\n")
    return Item(Group(hang("", head, "  "), *(hang("  ", line) for line in lines)))


class Inquiry:
    """The panel: it says who waits for an answer, and leaves the keys to the input line."""

    def __init__(self, agent: str, text: str, look: Look) -> None:
        self._agent = agent
        self._text = text[:LONGEST]
        self._look = look
        self._listed = False
        self.answer: str | None = None
        self.done = False

    @property
    def armed(self) -> bool:
        """Where keys cannot be read one by one, lines are for it; else they come from the input line."""
        return self._listed

    @property
    def hush_s(self) -> float:
        """None: a whole line was typed."""
        return 0.0

    def disturb(self) -> None:
        """Typing is answering."""

    def key(self, name: str) -> None:
        """Keys go to the input line."""

    def leave(self) -> None:
        """The person does not answer."""
        self.done = True

    def lines(self, height: int, width: int) -> list[Text]:
        """Who waits, and the keys."""
        rows = sum(1 + len(line) // max(8, width - 2) for line in self._text.splitlines())
        begins = []
        if rows > min(LONG_LINES, height):
            where = f"{self._look.sep}{rows} lines, above; it begins: "
            begins = [
                Text.assemble(
                    (f"{one_line(self._agent, 20)} asks you", STRONG),
                    (where, FAINT),
                    first_line(self._text),
                    no_wrap=True,
                    overflow="ellipsis",
                )
            ]
        words = f"{one_line(self._agent, 20)} waits for your answer"
        keys = f"{self._look.sep}enter answers{self._look.sep}esc on an empty line does not"
        return [*begins, Text.assemble((words, STRONG), (keys, FAINT), no_wrap=True, overflow="ellipsis")]

    def listing(self) -> list[Text]:
        """The same where lines are typed."""
        self._listed = True
        return [Text(f"{one_line(self._agent, 20)} waits for your answer (an empty line gives none)")]

    def line(self, text: str) -> None:
        """A whole line: the answer, unless it is empty."""
        self.answer = text if text.strip() else None
        self.done = True

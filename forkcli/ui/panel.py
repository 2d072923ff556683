"""A panel takes the place of the input line while something has to be answered or picked.

Until it is `armed`, keys go where the user was typing. It is done when `done` says so; the screen then gives the keys
back. Panels are plain state: they know no terminal.
"""

import textwrap
from typing import Protocol

from rich.text import Text

# prompt_toolkit's names of keys that nobody pressed to answer something
NO_KEYS = frozenset(
    {
        "<ignore>",
        "<cursor-position-response>",
        "<vt100-mouse-event>",
        "<windows-mouse-event>",
        "<bracketed-paste>",
        "<scroll-up>",
        "<scroll-down>",
    }
)
LEAVE = frozenset({"escape", "c-c", "c-d", "c-g", "<sigint>"})
MOVES = {
    "up": -1, "c-p": -1, "s-tab": -1, "down": 1, "c-n": 1, "c-i": 1,
    "pageup": -10, "pagedown": 10, "home": -1_000_000, "end": 1_000_000,
}  # fmt: skip


def moved(index: int, name: str, length: int) -> int:
    """The index after a key of `MOVES`: single steps go round, larger ones stop at the ends."""
    if not length:
        return 0
    at = index + MOVES[name]
    return at % length if abs(MOVES[name]) == 1 else min(max(at, 0), length - 1)


def window(index: int, length: int, room: int) -> tuple[int, int]:
    """Start and end of the `room` lines (at least one) around `index` that are shown of `length` lines."""
    start = min(max(0, index - room // 2), max(0, length - room))
    return start, min(length, start + max(1, room))


def clipped(lines: list[Text]) -> list[Text]:
    """The lines, each to be cut at the screen's width and never wrapped."""
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def folded(text: str, width: int, style: str) -> list[Text]:
    """A text in rows of at most `width` cells, indented by two, folded at words."""
    rows = textwrap.wrap(text, max(8, width - 2), break_long_words=True)
    return [Text(f"  {row.strip()}", style) for row in rows]


class AskedFor:
    """What panels share that the user has asked for: keys are for them at once, and nothing is typed by mistake."""

    @property
    def armed(self) -> bool:
        """Always."""
        return True

    @property
    def hush_s(self) -> float:
        """None."""
        return 0.0

    def disturb(self) -> None:
        """Nothing to wait for."""


class Panel(Protocol):
    """Something that is shown above the status line and takes the keys."""

    @property
    def done(self) -> bool: ...

    @property
    def armed(self) -> bool:
        """Whether keys are for the panel."""
        ...

    @property
    def hush_s(self) -> float:
        """Time after the answer in which what is typed is dropped."""
        ...

    def disturb(self) -> None:
        """A key was pressed before the panel was armed."""
        ...

    def key(self, name: str) -> None:
        """A key for the panel: a character, or prompt_toolkit's name of it (`c-m` is Enter)."""
        ...

    def lines(self, height: int, width: int) -> list[Text]:
        """What is shown on a screen of `width` cells, in at most `height` lines where that is possible."""
        ...

    def listing(self) -> list[Text]:
        """What is shown where keys cannot be read one by one."""
        ...

    def line(self, text: str) -> None:
        """A whole line typed as the answer to `listing`."""
        ...

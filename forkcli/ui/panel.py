"""A panel takes the place of the input line while something has to be answered or picked.

Until it is `armed`, keys go where the user was typing. It is done when `done` says so; the screen then gives the keys
back. Panels are plain state: they know no terminal.
"""

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

    def lines(self, height: int) -> list[Text]:
        """What is shown, in at most `height` lines where that is possible."""
        ...

    def listing(self) -> list[Text]:
        """What is shown where keys cannot be read one by one."""
        ...

    def line(self, text: str) -> None:
        """A whole line typed as the answer to `listing`."""
        ...

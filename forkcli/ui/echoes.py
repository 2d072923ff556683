"""What stands on the terminal already when an event tells of it: lines that it echoed, and the user's own deeds.

Plain state.
"""

from forkcli.core import entries as e
from forkcli.core import events as ev


class Echoes:
    """Typed texts that stand on the terminal already, and are not in a history yet."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        """The terminal has shown this text while it was typed."""
        self._texts.append(text)

    def take(self, text: str) -> bool:
        """Whether the text stands there; those before it are forgotten with it."""
        found = text in self._texts
        self._texts.clear()
        return found

    def holds(self, event: ev.Event) -> bool:
        """Whether it is a prompt that stands on the terminal as it was typed."""
        match event:
            case ev.Appended(entry=e.Entry(body=e.Prompt(text=text))):
                return self.take(text)
        return False


def is_own(event: ev.Event) -> bool:
    """Whether it tells of a `!` command, or of a rewind by hand: what this screen shows itself."""
    match event:
        case ev.Appended(entry=e.Entry(body=e.Rewind(by="user", report=""))):
            return True
        case ev.Appended(entry=e.Entry(body=e.Notice(text=text))):
            return text.startswith(e.RAN)
    return False

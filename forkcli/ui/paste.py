"""Long pasted text stands in the input line as `[pasted 120 lines]` and is sent whole.

A mark that the user has edited is text like any other; what it stood for is then not sent.
"""

import re

LONG_LINES = 6
LONG_CHARS = 800

_MARK = re.compile(r"\[pasted [\d,]+ (?:lines|characters)(?: #\d+)?\]")


class Pastes:
    """The long texts pasted into one input line, by the mark that stands for each."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """What is to be inserted for a pasted text: a mark, or a short text itself."""
        lines = text.rstrip("\n").count("\n") + 1
        if lines < LONG_LINES and len(text) < LONG_CHARS:
            return text
        size = f"{lines:,} lines" if lines >= LONG_LINES else f"{len(text):,} characters"
        mark, number = f"[pasted {size}]", 2
        while self._texts.get(mark, text) != text:
            mark, number = f"[pasted {size} #{number}]", number + 1
        self._texts[mark] = text
        return mark

    def expand(self, text: str) -> str:
        """The text with each mark replaced by what it stands for."""
        return _MARK.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def ending(self, before_cursor: str) -> int:
        """Length of the mark that ends right before the cursor, or 0."""
        return next((len(mark) for mark in self._texts if before_cursor.endswith(mark)), 0)

    def clear(self) -> None:
        """Forget them: the line was sent or emptied."""
        self._texts.clear()


def typed(text: str) -> str:
    """What came from a keyboard as text that can be stored: undecodable bytes become U+FFFD, line ends newlines."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return whole.replace("\r\n", "\n").replace("\r", "\n")

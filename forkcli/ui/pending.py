"""What the user has typed that the agent has not got yet: steering on its way, and texts kept for after the turn."""

from rich.text import Text

from forkcli.ui.look import FAINT, USER, Look
from forkcli.ui.sanitize import one_line

SHOWN = 3  # of each kind


class Pending:
    """Both kinds, for one agent, in the order they were typed."""

    def __init__(self) -> None:
        self._steering: list[str] = []
        self._queue: list[str] = []

    def steer(self, text: str) -> None:
        """A message was handed to the running turn."""
        self._steering.append(text)

    def delivered(self, text: str) -> None:
        """A message of the user's is in the history: that very one, or else the oldest."""
        if text in self._steering:
            self._steering.remove(text)
        elif self._steering:
            del self._steering[0]

    def queue(self, text: str) -> None:
        """Keep a text until the turn is over."""
        self._queue.append(text)

    @property
    def queued(self) -> int:
        """How many texts are kept until the turn is over."""
        return len(self._queue)

    def take_since(self, first: int) -> list[str]:
        """The queued texts but for the `first` oldest; they leave the queue."""
        texts = self._queue[first:]
        del self._queue[first:]
        return texts

    def next(self) -> str | None:
        """The oldest queued text, which leaves the queue."""
        return self._queue.pop(0) if self._queue else None

    def take_back(self) -> str | None:
        """The newest queued text, which leaves the queue."""
        return self._queue.pop() if self._queue else None

    def take_all(self) -> str:
        """All queued texts as one; the queue is empty."""
        texts, self._queue = self._queue, []
        return "\n".join(texts)

    def lines(self, look: Look, *, running: bool) -> list[Text]:
        """A line each, for the live area."""
        when = "told at the next step" if running else "told with the next prompt"
        out = [_line(look.steer, text, when, look) for text in self._steering[-SHOWN:]]
        return out + [_line(look.user, text, "queued, up takes it back", look) for text in self._queue[-SHOWN:]]


def _line(sign: str, text: str, note: str, look: Look) -> Text:
    return Text.assemble((f"{sign} ", USER), one_line(text.strip(), 120), (f"{look.sep}{note}", FAINT))

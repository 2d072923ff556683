"""What a front (the screen, or plain lines on a dumb terminal) and the REPL behind it need of each other."""

from collections.abc import Callable, Sequence
from typing import Protocol

from forkcli.ui.console import Line
from forkcli.ui.item import Item
from forkcli.ui.panel import Panel
from forkcli.ui.ports import Slash


class Desk(Protocol):
    """The REPL, as a front sees it."""

    def submit(self, text: str, *, later: bool) -> None:
        """The user sent a line; `later` asks to keep it until the turn is over."""
        ...

    def stop(self) -> bool:
        """Stop what runs; whether anything did."""
        ...

    def twice_escape(self) -> bool:
        """Esc was pressed twice while nothing ran; whether that meant something."""
        ...

    def take_back(self) -> str | None:
        """The newest queued text, which leaves the queue; None when nothing is queued."""
        ...

    def live(self, width: int, height: int, spin: str) -> list[Line]:
        """The lines of the live area, at most `height`."""
        ...

    def status(self, width: int) -> Line: ...

    def slashes(self) -> Sequence[Slash]: ...

    def paths(self, prefix: str) -> list[str]: ...

    @property
    def busy(self) -> bool:
        """Whether anything runs that moves on screen."""
        ...


class Front(Protocol):
    """Where lines are typed and items are shown."""

    @property
    def draws(self) -> bool:
        """Whether it shows what is live, again and again."""
        ...

    @property
    def echoes(self) -> bool:
        """Whether what the user types stays on the terminal as it was typed."""
        ...

    def write(self, items: Sequence[Item]) -> None:
        """Print items, above the input line if there is one."""
        ...

    def refresh(self) -> None:
        """Draw the live area anew, soon."""
        ...

    async def run(self, ready: Callable[[], None]) -> None:
        """Until `quit`, or until the user leaves. `ready` is called when the prompt is there."""
        ...

    def quit(self, error: BaseException | None = None) -> None:
        """End `run`; with an error, `run` raises it once the terminal is restored."""
        ...

    async def ask(self, panel: Panel) -> None:
        """Show a panel until it is done. Cancelling it takes the panel away."""
        ...

    async def page(self, title: str, text: str) -> None:
        """Show a long text until the user leaves it."""
        ...

    def refill(self, text: str) -> None:
        """Put text into the input line."""
        ...

"""The front for a terminal that cannot move its cursor (`TERM=dumb`), or that is none: lines in, lines out.

What is typed while an agent runs steers it; Ctrl-C stops the step, twice quits. At the input's end it quits once
nothing runs; what is asked after that is answered with no.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.text import Text

from forkcli.ui.console import Paper
from forkcli.ui.front import Desk
from forkcli.ui.item import Item, Roll
from forkcli.ui.keys import TWICE_S
from forkcli.ui.look import Look
from forkcli.ui.panel import Panel
from forkcli.ui.paste import typed
from forkcli.ui.sanitize import sanitize


class Plain:
    """The `Front` that only writes and reads lines."""

    def __init__(self, desk: Desk, look: Look, source: TextIO, output: TextIO, width: Callable[[], int]) -> None:
        self._desk = desk
        self._look = look
        self._source = source
        self._output = output
        self._width = width
        self._paper = Paper("none")
        self._roll = Roll(self._paper)
        self._over: asyncio.Future[None] | None = None
        self._panel: Panel | None = None
        self._answered = asyncio.Event()
        self._interrupted = 0.0
        self._at_prompt = False
        self._ended = False  # no more input can come

    draws = False

    @property
    def echoes(self) -> bool:
        """A terminal shows what is typed on it."""
        return self._source.isatty()

    def write(self, items: Sequence[Item]) -> None:
        """Print items."""
        if self._at_prompt:
            self._at_prompt = False
            self._print("\n")
        self._print(self._paper.ansi(self._roll.lines(items, self._width())))

    def refresh(self) -> None:
        """There is no live area; when nothing runs any more, there is a prompt again."""
        if self._over is not None and not self._over.done():
            asyncio.get_running_loop().call_soon(self._rest)

    async def run(self, ready: Callable[[], None]) -> None:
        """Until `quit`, or until the input ends."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        try:
            ready()
            self._prompt()
            await self._over
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def quit(self, error: BaseException | None = None) -> None:
        """End `run`."""
        if self._over is None or self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    async def ask(self, panel: Panel) -> None:
        """Print what the panel asks; the next line answers it."""
        self._panel = panel
        self._answered.clear()
        self._show(panel.listing())
        if self._ended:
            self._answer("")
        try:
            if not panel.done:
                await self._answered.wait()
        finally:
            self._panel = None

    async def page(self, title: str, text: str) -> None:
        """Print it all."""
        self._print(f"\n{sanitize(title)}\n{sanitize(text)}\n")

    def refill(self, text: str) -> None:
        """Print it, to be copied."""
        self._print(f"{sanitize(text)}\n")

    def _print(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()

    def _show(self, lines: Sequence[Text]) -> None:
        for line in lines:
            self._print(self._paper.ansi(self._paper.lines(line, self._width())))

    def _rest(self) -> None:
        """Nothing more happened: prompt, or quit where no more input can come."""
        if self._ended and not self._desk.busy:
            self.quit()
        elif not self._ended:
            self._prompt()

    def _prompt(self) -> None:
        if not (self._desk.busy or self._panel or self._at_prompt):
            self._at_prompt = True
            self._print(f"{self._look.user} ")

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            line = self._source.readline()
            try:
                loop.call_soon_threadsafe(self._line, line)
            except RuntimeError:  # the loop is closed: nobody listens any more
                return
            if not line:
                return

    def _line(self, line: str) -> None:
        text = typed(line).rstrip("\n")
        self._at_prompt = False
        if not line:
            self._ended = True
            if self._panel is not None:
                self._answer("")
        elif self._panel is not None and self._panel.armed:
            self._answer(text)
        elif text.strip():
            if self._panel is not None:
                self._panel.disturb()
            self._desk.submit(text, later=False)
        self._rest()

    def _answer(self, text: str) -> None:
        if self._panel is not None:
            self._panel.line(text)
            if self._panel.done:
                self._answered.set()
            else:
                self._show(self._panel.listing())

    def _interrupt(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._interrupted < TWICE_S:
            self.quit()
            return
        self._interrupted = now
        self._desk.stop()
        self._print("\n(ctrl-c again quits)\n")

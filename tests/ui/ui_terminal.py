"""A REPL in this process, on a terminal that remembers what it shows: keys in, rows out."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyte
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from ui_fakes import FakeDriver

from forkcli.ui.repl import Repl

TERM = {"TERM": "xterm-256color"}


class Glass(io.TextIOBase):
    """What prompt_toolkit writes to: a pyte screen with a scrollback."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self.raw = ""
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> int:
        self.raw += text
        self._stream.feed(text)
        return len(text)

    def rows(self) -> list[str]:
        """The scrollback and the screen, without trailing blanks."""
        past = ["".join(row[x].data for x in range(self.screen.columns)) for row in self.screen.history.top]
        return [row.rstrip() for row in [*past, *self.screen.display]]


class Session:
    """The REPL that runs, and the user in front of it."""

    def __init__(self, driver: FakeDriver, repl: Repl, keys: PipeInput, glass: Glass) -> None:
        self.driver, self.repl, self.keys, self.glass = driver, repl, keys, glass
        self.task: asyncio.Task[int] | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.glass.rows()).rstrip()

    def type(self, text: str) -> None:
        self.keys.send_text(text)

    async def see(self, *words: str, timeout: float = 20) -> None:
        """Wait until all the words are on the terminal."""
        await self.until(lambda: all(word in self.text for word in words), f"{words}", timeout)

    async def unsee(self, word: str, timeout: float = 20) -> None:
        await self.until(lambda: word not in self.text, f"no {word}", timeout)

    async def did(self, *done: tuple[str, str]) -> None:
        """Wait until these things were done to the driver."""
        await self.until(lambda: all(deed in self.driver.did for deed in done), f"{done}")

    async def until(self, true: Callable[[], bool], what: str, timeout: float = 20) -> None:
        end = asyncio.get_running_loop().time() + timeout
        while not true():
            assert asyncio.get_running_loop().time() < end, (
                f"never: {what}; on screen:\n{self.text}\ndid {self.driver.did}"
            )
            if self.task is not None and self.task.done():
                self.task.result()
            await asyncio.sleep(0.01)

    async def end(self) -> int:
        assert self.task is not None
        return await asyncio.wait_for(self.task, 30)


@asynccontextmanager
async def session(
    driver: FakeDriver,
    *,
    columns: int = 80,
    rows: int = 24,
    first: str | None = None,
    history: Path | None = None,
    **env: Any,
) -> AsyncIterator[Session]:
    """A REPL with its prompt on the screen; left by Ctrl-D if the test has not ended it."""
    glass = Glass(columns, rows)
    output = Vt100_Output(glass, lambda: Size(rows=rows, columns=columns), term="xterm-256color", enable_cpr=False)
    with create_pipe_input() as keys, create_app_session(keys, output):
        repl = Repl(driver, history_path=history, env=TERM | env, source=keys, output=output)
        driver.emit, driver.ask = repl.on_event, repl.answer
        here = Session(driver, repl, keys, glass)
        here.task = asyncio.create_task(repl.run(first))
        await here.see("claude-opus-5")
        try:
            yield here
        finally:
            if not here.task.done():
                here.type("\x03\x03\x03")  # out of a panel, and then twice
                await here.end()

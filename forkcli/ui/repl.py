"""The REPL: joins a driver with a front. It decides what a typed line does, and knows nothing of the session behind.

Invariant: a text that the user typed is never lost: it is sent, kept in the queue, or back in the input line; a slash
command that there is none of is in the input history.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from rich.text import Text

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.errors import ForkError, Kind
from forkcli.ui.approve import Approval, question_item
from forkcli.ui.console import Line, Paper
from forkcli.ui.dialogue import Dialogue
from forkcli.ui.echoes import Echoes, is_own
from forkcli.ui.entries import ended_elsewhere, error_item, said
from forkcli.ui.errand import Errand
from forkcli.ui.greeting import greeting
from forkcli.ui.inquiry import Inquiry, inquiry_item
from forkcli.ui.item import Item
from forkcli.ui.line import PromptLine, ShellLine, SlashLine, find, parse
from forkcli.ui.look import FAINT, WARN, look_of
from forkcli.ui.markdown import warm_up
from forkcli.ui.ports import Answer, Driver, Question, Slash
from forkcli.ui.presenter import Presenter
from forkcli.ui.sanitize import first_line
from forkcli.ui.shown import shell_item
from forkcli.ui.stage import Stage
from forkcli.ui.status import status_line
from forkcli.ui.terminal import open_front

WARM_UP_S = 0.15  # after the prompt is there, what the first answer needs is imported
CLOSE_S = 10.0
WORDS = 400  # characters of a command that stand in the scrollback
CLOSE_BY_SIGNAL_S = 1.5
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Repl:
    """A `Desk` for its front, and what `app` runs. `source` and `output` replace the terminal."""

    def __init__(
        self,
        driver: Driver,
        *,
        history_path: Path | None = None,
        env: Mapping[str, str] | None = None,
        source: Input | None = None,
        output: Output | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        environment = os.environ if env is None else env
        encoding = "utf-8" if output is not None else sys.stdout.encoding
        self._driver = driver
        self._clock = clock
        self._look = look_of(environment, encoding)
        self._paper = Paper(self._look.colours)
        self._stage = Stage(self._look, clock)
        self._turns: dict[str, asyncio.Task[None]] = {}  # that a line of the user's began, by agent
        self._errand: asyncio.Task[None] | None = None
        self._code = 0
        self._accepted: set[str] = set()  # agents whose running turn has its prompt on disk
        self._ended = "done"  # how the last turn on screen ended
        self._echoes = Echoes()
        self._front = open_front(self, self._look, environment, history_path, source, output)
        self._dialogue = Dialogue(self._front, self._stage.ask)
        self._presenter = Presenter(driver.slashes, self._front, self._stage, self._dialogue, self._look, clock)

    # --- what app calls ----------------------------------------------------------------------------------------------

    async def run(self, first_prompt: str | None = None) -> int:
        """The REPL until it is quit; the exit code. The terminal is restored and the driver closed in any case."""
        self._stage.show(self._driver.status().agent)
        self._front.write([greeting(self._driver.status(), self._look)])
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        try:
            await self._front.run(lambda: self._ready(first_prompt))
        finally:
            try:
                await self._close()
            finally:
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)
        return self._code

    def on_event(self, event: ev.Event) -> None:
        """Something happened in the session."""
        if isinstance(event, ev.Appended) and isinstance(event.entry.body, e.Prompt):
            self._accepted.add(event.agent)
        if isinstance(event, ev.TurnEnded) and event.agent == self._here:
            self._ended = event.status
        items = self._stage.on(event)
        if items and not is_own(event) and not self._echoes.holds(event):
            self._front.write(items)
        self._front.refresh()

    async def answer(self, question: Question) -> Answer:
        """Ask the user; one question at a time."""
        other = question.agent != self._here
        panel = Approval(question, self._look, self._clock, other=other)
        await self._dialogue.ask(panel, [question_item(question, self._look)])
        if panel.stops:
            asyncio.get_running_loop().call_soon(self._stop_asker, question.agent)
        return panel.answer or "no"

    async def inquire(self, agent: str, text: str) -> str | None:
        """Put an agent's question to the user; their answer is the next line they send. None: they do not answer."""
        panel = Inquiry(agent, text, self._look)
        await self._dialogue.ask(panel, [inquiry_item(agent, text, self._look)])
        if panel.answer is not None:
            self._front.write([Item(said(panel.answer, self._look))])
        return panel.answer

    def quit(self) -> None:
        """End the REPL, as `/quit` does."""
        self._front.quit()

    def show_past(self, entries: Sequence[e.Entry], agent: str = "main") -> None:
        """Show what happened before."""
        self._presenter.past(entries, agent)

    # --- what the front calls ----------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._turns) or self._errand is not None or self._stage.busy

    def submit(self, text: str, *, later: bool) -> None:
        """A line was sent."""
        line = parse(text)
        if self._front.echoes:
            self._echoes.add(text)
        running = self._running
        if later and (running or self._errand is not None):
            self._stage.pending.queue(text)
        elif isinstance(line, PromptLine) and running:
            self._steer(text)
        elif self._errand is not None:
            self._stage.pending.queue(text)
        else:
            self._begin(line, text)
        self._front.refresh()

    def stop(self) -> bool:
        """Stop the user's errand, else the running step."""
        if self._errand is not None:
            self._errand.cancel()
            return True
        if not self._running:
            return False
        self._driver.stop()
        return True

    def twice_escape(self) -> bool:
        """Open `/rewind`, where there is such a command; forks may be at work meanwhile."""
        rewind = next((slash for slash in self._driver.slashes() if slash.name == "rewind"), None)
        if rewind is None or self._here in self._turns or self._errand is not None:
            return False
        self._start_errand("/rewind", self._presenter.run(rewind, ""))
        return True

    def take_back(self) -> str | None:
        """The newest queued text."""
        return self._stage.pending.take_back()

    def live(self, width: int, height: int, spin: str) -> list[Line]:
        """The live area."""
        return self._stage.live(width, height, spin)

    def status(self, width: int) -> Line:
        """The status line."""
        lines = self._paper.lines(status_line(self._driver.status(), width, self._look), width)
        return lines[0] if lines else []

    def slashes(self) -> Sequence[Slash]:
        """The driver's slash commands."""
        return self._driver.slashes()

    def paths(self, prefix: str) -> list[str]:
        """Paths for completion."""
        return self._driver.paths(prefix)

    # --- turns and errands -------------------------------------------------------------------------------------------

    def _ready(self, first_prompt: str | None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(WARM_UP_S, threading.Thread(target=warm_up, daemon=True).start)
        if first_prompt is not None and first_prompt.strip():
            self._begin(PromptLine(first_prompt), first_prompt)

    @property
    def _here(self) -> str:
        """The agent that the user is with."""
        return self._stage.shown_agent

    @property
    def _running(self) -> bool:
        """Whether the agent that the user is with is at work, or about to begin."""
        return self._here in self._turns or self._driver.status().running

    def _begin(self, line: SlashLine | ShellLine | PromptLine, text: str) -> None:
        match line:
            case PromptLine():
                self._turns[self._here] = self._watched(self._run_turn(text, self._here))
            case ShellLine(command=command):
                self._start_errand(f"! {command}", self._shell(command))
            case SlashLine(name=name, rest=rest):
                try:
                    slash = find(self._driver.slashes(), name)
                except ForkError as error:
                    self._typed(text, text)  # not given back: with what is typed next it would be a prompt
                    self._front.write([error_item(error, self._look)])
                    return
                words = f"/{slash.name} {rest}".rstrip()
                self._typed(text, words)
                self._start_errand(words, self._presenter.run(slash, rest))

    def _typed(self, text: str, shown: str) -> None:
        """Let a command that was typed stand in the scrollback."""
        if not self._echoes.take(text):
            self._front.write([Item(Text(f"{self._look.user} {first_line(shown, WORDS)}", FAINT))])

    def _steer(self, text: str) -> None:
        try:
            self._driver.steer(text)
        except ForkError as error:
            self._failed(error)
            self._front.refill(text)
            return
        self._stage.pending.steer(text)

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose unexpected failure ends the REPL, loudly."""
        task = asyncio.create_task(work)

        def done(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._front.quit(error)

        task.add_done_callback(done)
        return task

    async def _run_turn(self, text: str, agent: str) -> None:
        self._accepted.discard(agent)
        self._ended = "done"
        try:
            await self._driver.turn(text)
        except ForkError as error:
            if agent == self._here:
                self._ended = "failed"
            self._failed(error)
            if agent not in self._accepted:
                self._front.refill(text)
        finally:
            del self._turns[agent]
        if agent == self._here:
            self._go_on()
        else:
            self._front.write([ended_elsewhere(agent, self._look)])

    def _go_on(self) -> None:
        """Send the next queued text; after a turn that did not end well, hand all of them back instead."""
        if self._here in self._turns or self._errand is not None:
            return
        if self._ended != "done":
            if texts := self._stage.pending.take_all():
                self._front.refill(texts)
        elif (text := self._stage.pending.next()) is not None:
            self._begin(parse(text), text)
        self._front.refresh()

    def _start_errand(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._stage.errand = Errand(name, self._clock())
        self._errand = self._watched(self._run_errand(work, self._stage.pending.queued))

    async def _run_errand(self, work: Coroutine[Any, Any, None], queued: int) -> None:
        self._ended, left = "done", self._stage.pending
        try:
            await work
        except ForkError as error:
            self._failed(error)
        except asyncio.CancelledError:
            self._front.write([Item(Text.assemble((f"{self._look.stop} ", WARN), "stopped by you"))])
        finally:
            self._errand = None
            self._stage.errand = None
            self._stage.show(self._driver.status().agent)  # it may have moved to another one
            for text in left.take_since(queued) if left is not self._stage.pending else ():
                self._stage.pending.queue(text)  # typed meanwhile, so for whoever the user is with now
        self._go_on()

    async def _shell(self, command: str) -> None:
        errand = self._stage.errand
        end = await self._driver.shell(command, errand.output if errand else lambda _: None)
        self._front.write([shell_item(command, end, self._look)])

    def _failed(self, error: ForkError) -> None:
        """Say what went wrong; where nothing can be saved any more, end."""
        self._front.write([error_item(error, self._look)])
        if error.kind is Kind.STORAGE:
            self._code = error.exit_code
            self._front.quit()

    def _stop_asker(self, agent: str) -> None:
        """The user said no to an agent and wants it to stop."""
        if agent == self._here:
            self._driver.stop()
        else:
            self._watched(self._stop_other(agent))

    async def _stop_other(self, agent: str) -> None:
        try:
            await self._presenter.run(find(self._driver.slashes(), "stop"), agent)
        except ForkError as error:
            self._failed(error)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _on_signal(self) -> None:
        self._code = Kind.TERMINATED.value
        self._front.quit()

    async def _close(self) -> None:
        """Stop what runs and close the driver. After a signal a turn is only cut, so that it can be taken up again."""
        signalled = self._code == Kind.TERMINATED.value
        turn = self._turns.get(self._here)
        if turn is not None and not signalled:
            self._driver.stop()
            await asyncio.wait([turn], timeout=CLOSE_BY_SIGNAL_S)
        for task in (*self._turns.values(), self._errand):
            if task is not None:
                task.cancel()
        try:
            await asyncio.wait_for(self._driver.close(), CLOSE_BY_SIGNAL_S if signalled else CLOSE_S)
        except TimeoutError:
            sys.stderr.write("fork: the session did not close in time\n")

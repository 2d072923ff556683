"""The terminal: prints items above, draws the live area, input line and status line below, and gives keys on.

It is not full-screen: what is printed stays in the terminal's own scrollback. Everything is printed between two frames
(`_before_render`), so output never tears the input line. Invariant: when `run` returns or raises, the terminal is as it
was, and everything written has been printed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prompt_toolkit.application.current import set_app
from prompt_toolkit.application.run_in_terminal import in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import ThreadedCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import ColorDepth, Output
from rich.segment import Segment
from rich.text import Text

from forkcli.ui.completer import InputCompleter
from forkcli.ui.console import Fragments, Line, Paper, fragments
from forkcli.ui.front import Desk
from forkcli.ui.history import PrivateHistory
from forkcli.ui.inquiry import Inquiry
from forkcli.ui.item import Item, Roll
from forkcli.ui.keys import TWICE_S, bindings
from forkcli.ui.layout import layout
from forkcli.ui.line import PromptLine, parse
from forkcli.ui.look import FAINT, Look
from forkcli.ui.menu import menu_lines
from forkcli.ui.pager import page
from forkcli.ui.panel import Panel
from forkcli.ui.paste import Pastes, typed
from forkcli.ui.resize import ResizingApplication

FRAME_S = 0.1  # between two frames while something moves
BEGIN_FRAME, END_FRAME = "\x1b[?2026h", "\x1b[?2026l"


class Screen:
    """The `Front` on a terminal that can move its cursor."""

    def __init__(
        self,
        desk: Desk,
        look: Look,
        source: Input,
        output: Output,
        history_path: Path | None,
        *,
        folds: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._look = look
        self._clock = clock
        self._paper = Paper(look.colours)
        self._roll = Roll(self._paper)
        self._pending: list[Item] = []
        self._panel: Panel | None = None
        self._answered = asyncio.Event()
        self._hush_until = 0.0
        self._pressed: dict[str, float] = {}  # key -> when it was last pressed, for those that count twice
        self._wake = asyncio.Event()
        self._parts: dict[str, Fragments] = {}
        self._in_frame = False
        self._over = False  # the input line is gone for good: what is written now is simply printed
        self._pastes = Pastes()
        self._buffer = Buffer(
            multiline=True,
            completer=ThreadedCompleter(InputCompleter(desk.slashes, desk.paths)),
            complete_while_typing=True,
            history=PrivateHistory(history_path) if history_path else InMemoryHistory(),
        )
        self._app = self._application(source, output)
        self._app.folds = folds

    def _application(self, source: Input, output: Output) -> ResizingApplication:
        def part(name: str) -> Callable[[], Fragments]:
            return lambda: self._parts.get(name, [])

        app = ResizingApplication(
            layout=layout(self._buffer, self._look.user, part, lambda: output.get_size().rows),
            key_bindings=bindings(self),
            input=source,
            output=output,
            erase_when_done=True,
            color_depth=ColorDepth.DEPTH_4_BIT if self._look.colours == "standard" else ColorDepth.DEPTH_1_BIT,
            min_redraw_interval=0.02,
            before_render=lambda _: self._before_render(),
            after_render=lambda _: self._after_render(),
        )
        app.ttimeoutlen = 0.05
        app.timeoutlen = 0.15
        app.key_processor.before_key_press += lambda _: self._on_key()
        return app

    # --- the front ---------------------------------------------------------------------------------------------------

    draws = True
    echoes = False  # the input line is erased when it is sent

    def write(self, items: Sequence[Item]) -> None:
        """Print items above the input line."""
        self._pending.extend(items)
        if self._over:
            self._print_rest()
        self.refresh()

    def refresh(self) -> None:
        """Draw the live area anew, soon."""
        self._wake.set()
        self._app.invalidate()

    async def run(self, ready: Callable[[], None]) -> None:
        """Until `quit`, or until the terminal is gone."""
        ticker = asyncio.create_task(self._tick())
        try:
            await self._app.run_async(pre_run=ready, set_exception_handler=False)
        except EOFError:
            return
        finally:
            ticker.cancel()
            self._over = True
            self._print_rest()

    def quit(self, error: BaseException | None = None) -> None:
        """End `run`."""
        if not self._app.is_running or self._app.is_done:
            return
        if error is None:
            self._app.exit()
        else:
            self._app.exit(exception=error)

    async def ask(self, panel: Panel) -> None:
        """Show a panel until it is done."""
        self._panel = panel
        draft = self._pastes.expand(self._buffer.text) if isinstance(panel, Inquiry) else ""
        if draft:
            self._empty()  # what was being typed was no answer
        self._answered.clear()
        self._buffer.cancel_completion()
        self.refresh()
        try:
            if not panel.done:
                await self._answered.wait()
        finally:
            self._panel = None
            if draft:
                self.refill(draft)
            self.refresh()

    async def page(self, title: str, text: str) -> None:
        """Show a long text until the user leaves it."""
        with set_app(self._app):
            async with in_terminal():
                await page(title, text, self._look, self._app.input, self._app.output)
        self.refresh()

    def refill(self, text: str) -> None:
        """Put text into the input line, before what is typed there."""
        draft = self._buffer.text
        self._buffer.document = Document(f"{text}\n{draft}" if draft.strip() else text)
        self.refresh()

    def _print_rest(self) -> None:
        self._app.output.write_raw(self._printed())
        self._app.output.flush()

    # --- frames ------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            if not (self._desk.busy or self._panel or self._pressed):
                self._wake.clear()
                await self._wake.wait()
            self._app.invalidate()
            await asyncio.sleep(FRAME_S)

    def _printed(self) -> str:
        items, self._pending = self._pending, []
        text = self._paper.ansi(self._roll.lines(items, self._app.output.get_size().columns))
        return text.replace("\n", "\r\n")  # the terminal may be in raw mode

    def _before_render(self) -> None:
        """Lay out the frame; what is to be printed goes to the terminal first, where the frame stood."""
        self._forget_presses()
        self._lay_out()
        printed = self._printed()
        size, last = self._app.output.get_size(), self._app.renderer.last_rendered_screen
        wanted = self._app.layout.container.preferred_height(size.columns, size.rows).preferred
        if not printed and (last is None or last.height <= wanted):
            return
        output = self._app.output
        output.write_raw(BEGIN_FRAME)
        self._in_frame = True
        self._app.renderer.erase()
        output.write_raw(printed)

    def _after_render(self) -> None:
        if self._in_frame:
            self._in_frame = False
            self._app.output.write_raw(END_FRAME)
            self._app.output.flush()

    def _lay_out(self) -> None:
        size = self._app.output.get_size()
        width, rows = max(1, size.columns - 1), size.rows
        state = self._buffer.complete_state
        menu = self._shown(menu_lines(state, self._look), width) if state and state.completions else []
        panel = self._shown(self._panel.lines(max(3, rows - 6), width), width) if self._panel else []
        room = rows - len(menu) - len(panel) - max(1, rows // 3) - 4
        spin = self._look.spin[int(self._clock() / FRAME_S) % len(self._look.spin)]
        live = self._desk.live(width, max(0, room), spin)
        hint = self._hint()
        status = self._shown([hint], width) if hint else [self._desk.status(width)]
        blank: list[Line] = [[Segment(" ")]]
        self._parts = {
            "live": fragments([*blank, *live, *blank] if live else blank),
            "panel": fragments([*panel, *blank]) if panel else [],
            "menu": fragments(menu) if menu else [],
            "status": fragments(status),
        }

    def _shown(self, lines: Sequence[Text], width: int) -> list[Line]:
        return [line for text in lines for line in self._paper.lines(text, width)]

    # --- keys --------------------------------------------------------------------------------------------------------

    @property
    def panel_takes_keys(self) -> bool:
        """Whether keys are for the panel, or for nobody because it has just been answered."""
        panel = self._panel if self._panel is not None and not self._panel.done else None
        return self._clock() < self._hush_until or (panel is not None and panel.armed)

    def panel_key(self, name: str) -> None:
        """A key while the panel takes them."""
        if self._panel is None or not self._panel.armed:
            self._hushed_key(name)
            return
        self._panel.key(name)
        if self._panel.done:
            self._hush_until = self._clock() + self._panel.hush_s
            self._answered.set()

    def _hushed_key(self, name: str) -> None:
        """What was typed in one go with the answer is dropped; the keys that stop things always work."""
        if name in {"c-c", "<sigint>"}:
            self.interrupt()
        elif name == "escape":
            self.escape()
        elif name == "c-d":
            self.end_of_input()

    def _on_key(self) -> None:
        if self._panel is not None and not self._panel.armed:
            self._panel.disturb()

    def send(self, *, later: bool) -> None:
        """Enter: send, or take the chosen completion, or make a new line behind a backslash."""
        buffer = self._buffer
        state = buffer.complete_state
        if state and state.current_completion:
            buffer.apply_completion(state.current_completion)
            if not buffer.text.startswith("/") or buffer.text.endswith(" "):
                return
        if buffer.document.char_before_cursor == "\\":
            buffer.delete_before_cursor()
            self.new_line()
            return
        text = typed(self._pastes.expand(buffer.text))
        if not text.strip():
            return
        strings = buffer.history.get_strings()
        if not strings or strings[-1] != text:
            buffer.history.append_string(text)
        self._empty()
        if isinstance(self._panel, Inquiry) and isinstance(parse(text), PromptLine):
            self._panel.line(text)
            self._answered.set()
            return
        self._desk.submit(text, later=later)

    def new_line(self) -> None:
        """Ctrl-J."""
        self._buffer.insert_text("\n")

    def escape(self) -> None:
        """Esc: leave the completions, or stop what runs; twice: empty the line, or rewind on an empty one."""
        if self._buffer.complete_state:
            self._buffer.cancel_completion()
        elif isinstance(self._panel, Inquiry) and not self._buffer.text:
            self._panel.leave()
            self._answered.set()
        elif not self._desk.stop() and self._twice("escape"):
            self._pressed.clear()
            if self._buffer.text:
                self._empty()
            else:
                self._desk.twice_escape()

    def interrupt(self) -> None:
        """Ctrl-C: empty the line, else stop what runs; twice: quit."""
        twice = self._twice("c-c")
        if self._buffer.text:
            self._empty()
        elif twice:
            self.quit()
        else:
            self._desk.stop()

    def end_of_input(self) -> bool:
        """Ctrl-D: quit, on an empty line."""
        if not self._buffer.text:
            self.quit()
        return not self._buffer.text

    def complete(self, step: int) -> None:
        """Tab: the next completion; a single one is taken."""
        state = self._buffer.complete_state
        if state is None:
            self._buffer.start_completion(insert_common_part=True)
        elif len(state.completions) == 1:
            self._buffer.apply_completion(state.completions[0])
        elif step > 0:
            self._buffer.complete_next()
        else:
            self._buffer.complete_previous()

    def paste(self, text: str) -> None:
        """Pasted text, as a mark where it is long."""
        self._buffer.insert_text(self._pastes.mark(typed(text)))

    def backspace(self) -> bool:
        """Delete a whole mark before the cursor; whether there was one."""
        length = self._pastes.ending(self._buffer.document.text_before_cursor)
        self._buffer.delete_before_cursor(length)
        return length > 0

    def up(self) -> bool:
        """On an empty line, take the newest queued text back; whether there was one."""
        text = None if self._buffer.text else self._desk.take_back()
        if text is not None:
            self.refill(text)
        return text is not None

    def _empty(self) -> None:
        self._pastes.clear()
        self._buffer.reset()

    def _twice(self, key: str) -> bool:
        twice = key in self._pressed
        self._pressed = {key: self._clock()}
        self._wake.set()
        return twice

    def _forget_presses(self) -> None:
        self._pressed = {key: at for key, at in self._pressed.items() if self._clock() - at < TWICE_S}

    def _hint(self) -> Text | None:
        if "c-c" in self._pressed and not self._buffer.text:
            return Text("ctrl-c again quits", FAINT)
        if "escape" in self._pressed and self._panel is None:
            return Text("esc again empties the line" if self._buffer.text else "esc again: go back", FAINT)
        return None

"""A full-screen pager: a long text to scroll and search, without any other program."""

from collections.abc import Callable

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl, SearchBufferControl
from prompt_toolkit.layout.processors import BeforeInput, HighlightIncrementalSearchProcessor, HighlightSearchProcessor
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.search import SearchDirection, start_search

from forkcli.ui.look import Look
from forkcli.ui.sanitize import one_line, sanitize

Handler = Callable[[KeyPressEvent], None]

LONGEST = 4_000_000  # characters


async def page(title: str, text: str, look: Look, source: Input, output: Output) -> None:
    """Show the text until `q`, Esc or Ctrl-C."""
    shown = sanitize(text[-LONGEST:]).replace("\t", "    ")
    if len(text) > LONGEST:
        shown = f"{look.more} the last {LONGEST:,} characters of {len(text):,}\n{shown}"
    buffer = Buffer(document=Document(shown, 0), read_only=True)
    search = SearchBufferControl(Buffer(), input_processors=[BeforeInput("/")], ignore_case=True)
    control = BufferControl(
        buffer,
        search_buffer_control=search,
        input_processors=[HighlightIncrementalSearchProcessor(), HighlightSearchProcessor()],
    )
    body = Window(control, wrap_lines=True)
    # The title comes last, since it is what a narrow terminal cuts.
    hint = look.sep.join(["q leaves", "space b g G move", "/ n N search", one_line(title, 120)])

    def foot() -> StyleAndTextTuples:
        line, lines = buffer.document.cursor_position_row + 1, buffer.document.line_count
        return [("reverse", f" {line}/{lines}{look.sep}{hint} ")]

    searching = ConditionalContainer(Window(search, height=1), filter=is_searching)
    rows = HSplit([body, searching, Window(FormattedTextControl(foot), height=1)])
    app: Application[None] = Application(
        layout=Layout(rows, focused_element=body),
        key_bindings=_keys(control),
        full_screen=True,
        input=source,
        output=output,
        color_depth=ColorDepth.DEPTH_4_BIT if look.colours == "standard" else ColorDepth.DEPTH_1_BIT,
    )
    app.ttimeoutlen = 0.05
    await app.run_async(set_exception_handler=False)


def _keys(control: BufferControl) -> KeyBindings:
    keys = KeyBindings()
    here = ~is_searching
    buffer = control.buffer

    for name in ("q", "escape", "c-c", "c-d", "<sigint>"):
        keys.add(name, filter=here, eager=True)(lambda event: event.app.exit())
    for name, step in (("j", 1), ("down", 1), ("enter", 1), ("k", -1), ("up", -1)):
        keys.add(name, filter=here)(_mover(buffer, step))
    for name, pages in ((" ", 1), ("f", 1), ("pagedown", 1), ("b", -1), ("pageup", -1)):
        keys.add(name, filter=here)(_mover(buffer, pages, pages=True))
    for name, end in (("g", False), ("home", False), ("G", True), ("end", True)):
        keys.add(name, filter=here)(_jumper(buffer, end=end))
    keys.add("/", filter=here)(lambda _: start_search(control, SearchDirection.FORWARD))
    keys.add("n", filter=here)(_finder(control, backwards=False))
    keys.add("N", filter=here)(_finder(control, backwards=True))
    return keys


def _mover(buffer: Buffer, step: int, *, pages: bool = False) -> Handler:
    def move(event: KeyPressEvent) -> None:
        lines = step * max(1, event.app.output.get_size().rows - 3) if pages else step
        if lines > 0:
            buffer.cursor_down(lines)
        else:
            buffer.cursor_up(-lines)

    return move


def _jumper(buffer: Buffer, *, end: bool) -> Handler:
    def jump(event: KeyPressEvent) -> None:
        del event
        buffer.cursor_position = len(buffer.text) if end else 0

    return jump


def _finder(control: BufferControl, *, backwards: bool) -> Handler:
    def find(event: KeyPressEvent) -> None:
        del event
        state = control.search_state
        control.buffer.apply_search(~state if backwards else state, include_current_position=False)

    return find

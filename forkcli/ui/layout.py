"""The layout of the screen: live area, panel, input line, completions, status line. It draws; it holds no state."""

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl, SearchBufferControl
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.processors import BeforeInput, HighlightIncrementalSearchProcessor

from forkcli.ui.console import Fragments
from forkcli.ui.hidden import ShowHidden

Draw = Callable[[], Fragments]

INPUT_SHARE = 3  # the input line takes at most a third of the rows


def layout(buffer: Buffer, sign: str, part: Callable[[str], Draw], rows: Callable[[], int]) -> Layout:
    """The layout. `part` gives what draws `live`, `panel`, `menu` and `status`: fragments folded to the width."""
    search = SearchBufferControl(
        Buffer(), input_processors=[BeforeInput("search the history: ", style="dim")], ignore_case=True
    )
    control = BufferControl(
        buffer,
        input_processors=[HighlightIncrementalSearchProcessor(), ShowHidden()],
        search_buffer_control=search,
        preview_search=True,
    )

    def prefix(line: int, wrap: int) -> StyleAndTextTuples:
        first = line == 0 and wrap == 0
        return [("bold fg:ansicyan", f"{sign} ")] if first else [("", " " * (len(sign) + 1))]

    typing = Window(
        control,
        wrap_lines=True,
        dont_extend_height=True,
        get_line_prefix=prefix,
        height=lambda: Dimension(min=1, max=max(1, rows() // INPUT_SHARE)),
    )
    searching = ConditionalContainer(Window(search, height=1, dont_extend_height=True), filter=is_searching)
    stack = [
        _drawn(part("live")),
        _drawn(part("panel")),
        typing,
        searching,
        _drawn(part("menu")),
        _drawn(part("status")),
    ]
    return Layout(HSplit([*stack, Window(height=Dimension(preferred=0))]), focused_element=typing)


def _drawn(draw: Draw) -> ConditionalContainer:
    def text() -> StyleAndTextTuples:
        return [*draw()]

    window = Window(FormattedTextControl(text), dont_extend_height=True, always_hide_cursor=True)
    return ConditionalContainer(window, filter=Condition(lambda: bool(draw())))

"""Drawing anew after the terminal's width has changed.

Most terminals fold the rows they show when they get narrower, so that the cursor is further down than where it was
left. What had been drawn is erased from where it begins now.
"""

from collections.abc import Mapping

from prompt_toolkit.application import Application
from prompt_toolkit.layout.screen import Screen


def folds_rows(env: Mapping[str, str]) -> bool:
    """Whether the terminal folds its rows when it gets narrower; those that cut them are known by name."""
    term = env.get("TERM", "")
    if "TMUX" in env:
        return True
    return not ("XTERM_VERSION" in env or term.startswith(("linux", "screen", "rxvt", "st-", "vt")))


def folded_rows(screen: Screen, above: int, width: int) -> int:
    """Rows that the first `above` rows of a drawn screen take at another width."""
    return sum(max(1, -(-_length(screen, row) // width)) for row in range(above))


def _length(screen: Screen, row: int) -> int:
    return max((x + char.width for x, char in screen.data_buffer[row].items() if char.char != " "), default=0)


class ResizingApplication(Application[None]):
    """An application that erases all it had drawn when the width changes."""

    folds = True

    def _on_resize(self) -> None:
        screen = self.renderer.last_rendered_screen
        if self.folds and screen is not None:
            cursor = screen.get_cursor_position(self.layout.current_window)
            width = max(1, self.output.get_size().columns)
            down = folded_rows(screen, cursor.y, width) - cursor.y + cursor.x // width
            if down > 0:
                self.output.write_raw("\r")
                self.output.cursor_up(down)
        super()._on_resize()

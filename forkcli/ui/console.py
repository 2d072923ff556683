"""From rich renderables to a terminal: the one place where what is shown becomes lines, fragments or escape codes.

Every text that leaves here has been through the sanitizer, whatever rendered it; links become plain text and no
control segment passes. Invariant: the only escape sequences in `ansi()` are the colour sequences made here.
"""

import io
from collections.abc import Iterable

from rich.color import Color, ColorSystem, ColorType
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from forkcli.ui.look import Colours
from forkcli.ui.sanitize import sanitize

Line = list[Segment]
Fragments = list[tuple[str, str]]

_ANSI_NAMES = (
    "ansiblack", "ansired", "ansigreen", "ansiyellow", "ansiblue", "ansimagenta", "ansicyan", "ansigray",
    "ansibrightblack", "ansibrightred", "ansibrightgreen", "ansibrightyellow", "ansibrightblue", "ansibrightmagenta",
    "ansibrightcyan", "ansiwhite",
)  # fmt: skip
_THEME = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.h4": "bold",
        "markdown.code": "cyan",
        "markdown.code_block": "none",
        "markdown.block_quote": "italic",
        "markdown.item.bullet": "none",
        "markdown.item.number": "none",
        "markdown.link": "none",
        "markdown.link_url": "blue underline",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
    }
)
_JOINED = str.maketrans("", "", "\u200c\u200d\ufe0e\ufe0f")  # terminals disagree on the width of what these join


class Paper:
    """Renders to lines of segments, at a width in cells."""

    def __init__(self, colours: Colours = "standard") -> None:
        self._colours = colours
        self._console = Console(
            file=io.StringIO(), force_terminal=True, color_system="standard", markup=False, highlight=False,
            emoji=False, legacy_windows=False, width=80, height=100, theme=_THEME,
        )  # fmt: skip

    def lines(self, body: RenderableType, width: int) -> list[Line]:
        """The lines of a renderable, sanitized, without trailing blanks."""
        options = self._console.options.update(width=max(1, width), highlight=False, markup=False)
        rendered = self._console.render_lines(body, options, pad=False, new_lines=False)
        return [_clean(line) for line in rendered]

    def ansi(self, lines: Iterable[Line]) -> str:
        """The lines with colour sequences, each ended by a newline."""
        return "".join("".join(map(self._segment, line)) + "\n" for line in lines)

    def _segment(self, segment: Segment) -> str:
        if self._colours == "none" or segment.style is None:
            return segment.text
        style = segment.style if self._colours == "standard" else segment.style.without_color
        return style.render(segment.text, color_system=ColorSystem.STANDARD)


def _clean(line: Iterable[Segment]) -> Line:
    parts = [
        Segment(sanitize(segment.text).replace("\n", " ").replace("\t", "    "), _unlinked(segment.style))
        for segment in line
        if not segment.control
    ]
    while parts and not (parts[-1].style and (parts[-1].style.bgcolor or parts[-1].style.underline)):
        last = parts.pop()
        if text := last.text.rstrip(" "):
            parts.append(Segment(text, last.style))
            break
    return parts


def _unlinked(style: Style | None) -> Style | None:
    return style.update_link(None) if style is not None and style.link else style


def fragments(lines: Iterable[Line]) -> Fragments:
    """The lines as prompt_toolkit's (style, text) pairs, without the last newline."""
    out: Fragments = []
    for number, line in enumerate(lines):
        if number:
            out.append(("", "\n"))
        out.extend((_pt_style(segment.style), segment.text.translate(_JOINED)) for segment in line)
    return out


def _pt_style(style: Style | None) -> str:
    if style is None:
        return ""
    words = [f"fg:{_pt_colour(style.color)}"] if style.color and style.color.type is not ColorType.DEFAULT else []
    if style.bgcolor and style.bgcolor.type is not ColorType.DEFAULT:
        words.append(f"bg:{_pt_colour(style.bgcolor)}")
    words += [name for name in ("bold", "dim", "italic", "underline", "strike", "reverse") if getattr(style, name)]
    return " ".join(words)


def _pt_colour(colour: Color) -> str:
    if colour.number is not None and colour.number < 16:
        return _ANSI_NAMES[colour.number]
    return "#" + "".join(f"{part:02x}" for part in colour.get_truecolor())

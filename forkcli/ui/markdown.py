"""Markdown for a terminal. rich.markdown and its parser are imported when the first text is rendered.

Nothing of the text is hidden: HTML, link definitions and entities stand as they were written, and a link's address
stands beside its text. The text is sanitized before it is parsed.
"""

import functools
from collections.abc import Callable
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from forkcli.ui.sanitize import sanitize

LONGEST_PARSED = 65_536  # characters; a longer text is shown as it is
NARROW = 24  # cells; in less room text is shown as it is

_HIDING = ["entity", "html_block", "html_inline", "reference", "image", "autolink"]


def markdown(text: str) -> RenderableType:
    """Text in Markdown as a renderable."""
    clean = sanitize(text)
    return Text(clean) if len(clean) > LONGEST_PARSED else _maker()(clean)


def warm_up() -> None:
    """Import what the first text needs; meant for a thread, while the user reads the prompt."""
    from rich.syntax import Syntax

    _maker()("```sh\ntrue\n```")
    _ = Syntax("", "python").lexer


def _code(code: str, language: str) -> RenderableType:
    """Code in the terminal's own colours, indented by two, without a box: it can be copied as it stands."""
    from rich.syntax import Syntax

    syntax = Syntax(code.rstrip(), language, theme="ansi_dark", background_color="default", word_wrap=True)
    return Padding(syntax, (0, 0, 0, 2))


@functools.cache
def _maker() -> Callable[[str], RenderableType]:
    """rich's Markdown with plainer elements and a parser that hides nothing."""
    from markdown_it import MarkdownIt
    from rich.markdown import CodeBlock, Heading, HorizontalRule, Markdown

    class PlainHeading(Heading):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield self.text

    class PlainCode(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield _code(str(self.text), self.lexer_name)

    class PlainRule(HorizontalRule):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield Text("───", "dim")

    plainer = {"heading_open": PlainHeading, "fence": PlainCode, "code_block": PlainCode, "hr": PlainRule}

    class TerminalMarkdown(Markdown):
        elements: ClassVar = {**Markdown.elements, **plainer}

        def __init__(self, markup: str) -> None:
            super().__init__("", hyperlinks=False)
            self.markup = markup
            self.parsed = MarkdownIt().enable(["strikethrough", "table"]).disable(_HIDING).parse(markup)

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            if options.max_width < NARROW:
                yield Text(self.markup)
            else:
                yield from super().__rich_console__(console, options)

    return TerminalMarkdown

"""What a slash command returned, as items of the scrollback. Panels and the pager are the REPL's."""

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.ui.diff import diff_lines
from forkcli.ui.figures import UNKNOWN, count, seconds
from forkcli.ui.fold import fold, hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, Look
from forkcli.ui.markdown import markdown
from forkcli.ui.ports import Diff, Lines, MarkdownText, ShellEnd, Shown, Table
from forkcli.ui.sanitize import command_lines, one_line, sanitize

DIFF_LINES = 2000
SHELL_LINES = 200  # of a `!` command's output


def item_of_shown(shown: Shown, look: Look) -> Item | None:
    """How a result is printed; None for one that is not printed."""
    match shown:
        case Lines(text=text):
            return Item(Group(*map(_hanging, sanitize(text.strip("\n")).replace("\t", "    ").split("\n"))))
        case MarkdownText(text=text):
            return Item(markdown(text))
        case Diff(text=text):
            return Item(Group(*diff_lines(text, look, limit=DIFF_LINES)) if text.strip() else Text("no changes", FAINT))
        case Table():
            return Item(_table(shown))
        case _:
            return None


def _hanging(line: str) -> RenderableType:
    """A line; where it is too long, the further rows stand below its beginning."""
    words = line.lstrip(" ")
    return hang(" " * (len(line) - len(words)), words)


def _table(table: Table) -> RenderableType:
    from rich.table import Table as RichTable

    columns = list(zip(*table.rows, strict=False)) if table.rows else [()] * len(table.headers)
    grid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=FAINT, show_header=any(table.headers))
    for header, cells in zip(table.headers, columns, strict=False):
        number = bool(cells) and all(_is_number(cell) for cell in cells if cell)
        grid.add_column(Text(one_line(header)), justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in table.rows:
        grid.add_row(*(Text(sanitize(cell)) for cell in row))
    return Group(Text(one_line(table.title), STRONG), grid) if table.title else grid


def _is_number(cell: str) -> bool:
    return cell == UNKNOWN or cell.strip("$%<~ kM").replace(",", "").replace(".", "", 1).isdigit()


def shell_item(command: str, end: ShellEnd, look: Look) -> Item:
    """A `!` command of the user's with its output and how it ended."""
    lines = command_lines(end.output.strip("\n")) if end.output.strip() else []
    shown = lines[-SHELL_LINES:]
    how = "killed" if end.exit_code is None else f"exit {end.exit_code}" if end.exit_code else ""
    sign, style = (look.good, GOOD) if end.exit_code == 0 else (look.bad, BAD)
    head = Text.assemble((f"{sign} ", style), (f"! {one_line(command, 400)}", STRONG))
    facts = [fact for fact in (how, seconds(end.seconds) if end.seconds >= 0.1 else "") if fact]
    if facts:
        head.append(look.sep + look.sep.join(facts), BAD if how else FAINT)
    bar, wrap = f"  {look.bar} ", f"  {look.wrap} "
    body: list[RenderableType] = [fold(Text(bar, FAINT), line, Text(wrap, FAINT)) for line in shown]
    if len(lines) > len(shown):
        body.insert(0, Text(f"{bar}{look.more} {count(len(lines) - len(shown), 'more line')}", FAINT))
    return Item(Group(head, *body))

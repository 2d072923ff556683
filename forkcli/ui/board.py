"""The live board of `/agents`: every agent in a line, in the columns that there is room for. A pure rendering function.

Colour is never alone: each state has a sign and its word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from forkcli.ui.figures import count, dollars, price, share
from forkcli.ui.fleetview import BoardRow, BoardView
from forkcli.ui.look import ACCENT, BAD, FAINT, GOOD, STRONG, USER, WARN, Look
from forkcli.ui.panel import clipped, window
from forkcli.ui.sanitize import first_line, one_line

LOW = 0.5  # a share of the first request from the cache below this is pointed out
DOING = 16  # cells that what an agent does gets at least, before columns are left out for it
DEEPEST = 4  # levels that are indented
LEAST = 8  # rows below which only the agents themselves are shown
TASK_ROWS = 2  # of the chosen agent's task, below the list

_STYLES = {
    "running": ACCENT, "idle": FAINT, "done": GOOD, "failed": BAD, "stopped": WARN, "limit": WARN, "damaged": BAD,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What the board shows besides the view: the chosen agent, the frame of the spinner, and what was last said."""

    chosen: str
    spin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Column:
    """`weight`: what is left out first where there is no room; 0 always stays."""

    head: str
    cells: Sequence[tuple[str, str]]  # text and style, one a row
    weight: int
    right: bool = False

    @property
    def width(self) -> int:
        return max([cell_len(self.head), *(cell_len(text) for text, _ in self.cells)])


def board_lines(
    view: BoardView, doing: Callable[[str], str], seen: Seen, size: tuple[int, int], look: Look
) -> list[Text]:
    """The board in at most (`height`, `width`) = `size`; what is not seen of it is around the chosen agent's line.

    `doing` says what an agent does right now, empty for one that does nothing.
    """
    height, width = size
    rows = view.rows
    at = next((n for n, row in enumerate(rows) if row.agent == seen.chosen), 0)
    foot = _foot(rows[at], seen, width, look)[0 if height >= LEAST else -1 :] if rows and seen.chosen else []
    columns = _fitting(_columns(rows, seen.spin, look), width)
    out = [_head(rows, look), *([_line(columns, None, width, "", look)] if height >= LEAST else [])]
    room = height - len(out) - len(foot)
    start, end = window(at, len(rows), max(1, room if len(rows) <= room else room - 1))
    for n in range(start, end):
        last = doing(rows[n].agent) or rows[n].last or rows[n].task
        out.append(_line(columns, n, width, last, look, chosen=n == at and bool(seen.chosen)))
    if end - start < len(rows):
        out.append(Text(f"  {look.more} {at + 1} of {len(rows)}", FAINT))
    return clipped([*out, *foot])


def _head(rows: Sequence[BoardRow], look: Look) -> Text:
    at_work = sum(row.state == "running" for row in rows)
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    facts = [count(len(rows), "agent"), f"{at_work} at work", *([dollars(sum(costs))] if sum(costs) else [])]
    return Text.assemble(("Agents", STRONG), (look.sep + look.sep.join(facts), FAINT))


def _foot(row: BoardRow, seen: Seen, width: int, look: Look) -> list[Text]:
    """The chosen agent's task, what was last said, and the keys."""
    room = max(8, width - 2)
    task = first_line(row.task, TASK_ROWS * room)
    out = [Text(f"  {task[at : at + room]}", FAINT) for at in range(0, len(task), room)][:TASK_ROWS]
    if seen.note:
        out.append(Text(f"  {one_line(seen.note)}", WARN))
    keys = ["enter goes there", "s stops", "d diff", "q leaves"] if width >= 50 else ["enter go", "s stop", "d", "q"]
    return [*out, Text(f"  {look.sep.join(keys)}", FAINT)]


def _columns(rows: Sequence[BoardRow], spin: str, look: Look) -> list[_Column]:
    signs = {"running": spin, "done": look.good, "failed": look.bad, "stopped": look.stop, "limit": look.stop}
    priced = any(row.cost_usd for row in rows)
    columns = [
        _Column("agent", [_name(row) for row in rows], 0),
        _Column(
            "state",
            [
                (f"{signs.get(row.state, look.dot)} {one_line(row.state, 10)}", _STYLES.get(row.state, FAINT))
                for row in rows
            ],
            1,
        ),
        _Column("steps", [(_steps(row), "") for row in rows], 2, right=True),
        _Column("cost", [(price(row.cost_usd) if row.steps else "", "") for row in rows], 3, right=True),
        _Column("cached", [_cached(row) if row.kind != "main" else ("", "") for row in rows], 4, right=True),
        _Column("context", [(_share(row.context_share), "") for row in rows], 5, right=True),
    ]
    return columns if priced else [column for column in columns if column.head != "cost"]


def _name(row: BoardRow) -> tuple[str, str]:
    indent = "  " * min(row.depth, DEEPEST)
    return f"{indent}{one_line(row.agent, 12)}{'' if not row.here else ' (here)'}", STRONG


def _steps(row: BoardRow) -> str:
    return f"{row.steps}/{row.max_steps}" if row.max_steps else str(row.steps)


def _cached(row: BoardRow) -> tuple[str, str]:
    low = row.cached is not None and row.cached < LOW and row.depth > 0
    return _share(row.cached), WARN if low else ""


def _share(value: float | None) -> str:
    return "" if value is None else share(value)


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    """The columns that leave room for what the agents do."""
    kept = list(columns)
    while len(kept) > 1 and 2 + sum(column.width + 2 for column in kept) + DOING > width:
        kept.remove(max(kept, key=lambda column: column.weight))
    return kept


def _line(columns: list[_Column], row: int | None, width: int, last: str, look: Look, *, chosen: bool = False) -> Text:
    """A row, or the heads of the columns."""
    out = Text.assemble((f"{look.user} " if chosen else "  ", USER))
    for column in columns:
        text, style = (column.head, FAINT) if row is None else column.cells[row]
        blank = " " * (column.width - cell_len(text))
        out.append(f"{blank if column.right else ''}{text}{'' if column.right else blank}  ", style)
    if row is None:
        out.append("what it does", FAINT)
        return out
    room = max(1, width - out.cell_len)
    words = one_line(last, 200)
    out.append(words if cell_len(words) <= room else f"{set_cell_size(words, room - 1)}{look.more[:1]}", FAINT)
    return out

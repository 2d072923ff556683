"""A rewind as an item of the scrollback: who went back, to where, what that did to the files, and the report."""

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.core import entries as e
from forkcli.ui.excerpt import Excerpt
from forkcli.ui.figures import count
from forkcli.ui.fold import hang
from forkcli.ui.item import Item
from forkcli.ui.look import FAINT, STRONG, USER, WARN, Look
from forkcli.ui.sanitize import one_line

SHOWN_REPORT = 14  # rows
SHOWN_PATHS = 8

_WHO = {
    "user": "you went back to",
    "agent": "went back to",
    "fork": "the context was full: went back to",
}


def rewound_item(rewind: e.Rewind, look: Look) -> Item:
    """How a rewind is shown."""
    place = f"{rewind.to}" if rewind.to else "the beginning"
    head = Text.assemble((f"{_WHO[rewind.by]} {place}", STRONG))
    if rewind.report and rewind.abandoned is not None:
        head.append(f", with a report; what is left behind is {one_line(rewind.abandoned, 12)}", FAINT)
    elif rewind.report:
        head.append(", with a report", FAINT)
    elif rewind.by == "fork":
        head.append("; no report could be had, and what was said since has left the context", WARN)
    head.append(f"{look.sep}{_files(rewind)}", FAINT)
    rows: list[RenderableType] = [Excerpt(rewind.report, SHOWN_REPORT, look)] if rewind.report else []
    if rewind.let_go:
        names = ", ".join(one_line(name, 12) for name in rewind.let_go[:SHOWN_PATHS])
        rows.append(hang("  ", Text(f"at work on their own from here: {names}", FAINT)))
    return Item(Group(hang(Text(f"{look.back} ", USER), head), *rows))


def _files(rewind: e.Rewind) -> str:
    if rewind.files == "keep":
        return "files as they are"
    if not rewind.restored:
        return "files as they were there already"
    back = [path for path in rewind.restored if path not in rewind.removed]
    done = [(back, "restored"), ([*rewind.removed], "removed again")]
    told = (f"{count(len(paths), 'file')} {how}: {_named(paths)}" for paths, how in done if paths)
    return "; ".join(told)


def _named(paths: list[str]) -> str:
    named = ", ".join(one_line(path, 60) for path in paths[:SHOWN_PATHS])
    return named + (f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else "")

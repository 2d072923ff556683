"""The status line: facts about the session in one line, the least telling ones left out where there is little room."""

from rich.cells import cell_len
from rich.text import Text

from forkcli.ui.figures import count, dollars, share
from forkcli.ui.look import FAINT, STRONG, WARN, Look
from forkcli.ui.ports import Status
from forkcli.ui.sanitize import one_line

FULL = 0.7  # share of the context from which it is pointed out

_Part = tuple[int, str, str]  # importance (0 stays longest), text, style


def status_line(status: Status, width: int, look: Look) -> Text:
    """The status in at most `width` cells."""
    parts = [part for part in _parts(status, look) if part[1]]
    while len(parts) > 1 and _width(parts, look) > width:
        parts.remove(max(parts, key=lambda part: part[0]))
    out = Text(no_wrap=True, overflow="ellipsis")
    for index, (_, text, style) in enumerate(parts):
        if index:
            out.append(look.sep, FAINT)
        out.append(text, style)
    out.truncate(max(1, width), overflow="ellipsis")
    return out


def _width(parts: list[_Part], look: Look) -> int:
    return sum(cell_len(text) for _, text, _ in parts) + len(look.sep) * (len(parts) - 1)


def _parts(status: Status, look: Look) -> list[_Part]:
    full = status.context_share is not None and status.context_share >= FULL
    sign = f"{look.warn} " if full else ""
    context = f"{sign}context {share(status.context_share)}" if status.context_share is not None else ""
    cached = f"cached {share(status.cache_share)}" if status.cache_share is not None else ""
    open_sandbox = status.sandbox.startswith("none")
    return [
        (2, one_line(status.agent, 20) if status.agent != "main" else "", STRONG),
        (1, one_line(status.model, 60), FAINT),
        (8, one_line(status.effort or "", 20), FAINT),
        (0, context, WARN if full else FAINT),
        (5, cached, FAINT),
        (4, dollars(status.cost_usd) if status.cost_usd is not None else "", FAINT),
        (3, _sandbox(status), WARN if open_sandbox or status.access == "full" else FAINT),
        (6, count(status.background_jobs, "job") if status.background_jobs else "", FAINT),
        (7, _place(status), FAINT),
    ]


def _sandbox(status: Status) -> str:
    words = "no sandbox" if status.sandbox.startswith("none") else one_line(status.sandbox, 30)
    return ", ".join([*([words] if words else []), status.access, *(["network"] if status.net else [])])


def _place(status: Status) -> str:
    branch = f" ({one_line(status.branch, 40)})" if status.branch else ""
    return one_line(status.project, 40) + branch if status.project else ""

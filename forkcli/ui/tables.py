"""What the verbs return, as plain text for a terminal of any width or a pipe. Needs no rich; all of it is sanitized.

Colour carries nothing here, so there is none. Invariant: no line is wider than `width` where one is given, as far as
the words that must stay whole (ids, paths) allow.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TextIO

from forkcli.core.messages import Json
from forkcli.core.views import (
    AgentRow,
    AgentView,
    CheckView,
    CleanView,
    HealthView,
    SessionRow,
    TreeView,
)
from forkcli.ui.figures import count, dollars, price, share, tokens, traffic
from forkcli.ui.jsontext import json_text
from forkcli.ui.sanitize import one_line, sanitize

GAP = "  "
NARROW = 72  # columns; below it a list drops what matters least
_FILES = {
    "in_place": "changed",
    "own": "changed in its own copy",
    "merged": "merged",
    "nothing": "changed",
    "kept": "kept, not merged",
    "conflict": "in conflict, not merged",
}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def sessions(rows: Sequence[SessionRow], width: int | None) -> str:
    """`fork ls`."""
    if not rows:
        return "there is no session in this project yet; `fork` begins one\n"
    narrow = width is not None and width < NARROW
    lines = [["SESSION", "STATE", "UPDATED", "TITLE"] if narrow else ["SESSION", "STATE", "COST", "UPDATED", "TITLE"]]
    for row in rows:
        cost = [] if narrow else [price(row.cost_usd)]
        lines.append([row.session, row.state, *cost, local(row.updated), row.title or "-"])
    return _table(lines, width)


def tree(view: TreeView, width: int | None, states: Mapping[str, str] | None = None) -> str:
    """`fork tree`: children below their parent, set off by two columns a level.

    `states` are those of agents of which more is known than their files say.
    """
    out = [f"session {view.session}\n"]
    for row, depth in _nested(view.agents):
        indent = "  " * depth
        kind = [f"{row.kind} at {row.at}"] if row.kind == "abandoned" else []  # of the others the id says it
        facts = [row.agent, *kind, (states or {}).get(row.agent, row.state), *_spent(row)]
        if row.parent and row.first_cache_share is not None:
            facts.append(f"{share(row.first_cache_share)} cached at first")
        out.append(_fit(indent + GAP.join(facts), width) + "\n")
        if row.task:
            out.append(_fit(f"{indent}  {row.task}", width) + "\n")
        if row.files.changed:
            out.append(_fit(f"{indent}  {_FILES[row.files.state]}: {', '.join(row.files.changed)}", width) + "\n")
    return "".join(out)


def agent(view: AgentView, width: int | None) -> str:
    """`fork show`."""
    row = view.row
    cached = [] if row.first_cache_share is None else [f"{share(row.first_cache_share)} cached at first"]
    effort = f", effort {view.effort}" if view.effort else ""
    facts = {
        "session": view.session,
        "agent": f"{row.agent}{_relation(row)}",
        "state": row.state,
        "model": f"{view.model}{effort}",
        "access": f"{view.access}, network {'on' if view.net else 'off'}",
        "spent": ", ".join([*_spent(row), *cached]),
        "context": f"about {tokens(view.context_tokens)} tokens",
        "changed": ", ".join(row.files.changed),
        "files": view.folder,
    }
    lines = (f"{name:<8} {one_line(value, 2000)}\n" for name, value in facts.items() if value)
    out = "".join(_fold(line, 9, width) for line in lines)
    for title, text in (("last prompt", view.prompt), ("last answer", view.answer)):
        if text.strip():
            out += f"\n{title}:\n{_indented(text, width)}"
    return out


def check(view: CheckView) -> str:
    """`fork check`."""
    if not view.findings:
        return f"session {view.session}: {count(view.agents, 'agent')}, every line and every context is whole\n"
    lines = [f"{one.severity}: {one.agent}: {one_line(one.sentence, 1000)}\n" for one in view.findings]
    end = "usable; nothing is lost" if view.ok else "damaged"
    return "".join(lines) + f"session {view.session}: {end}\n"


def leftovers(view: CleanView, width: int | None) -> str:
    """What `fork clean` would remove."""
    rows = [["SESSION", "UPDATED", "SIZE", "TITLE"]]
    rows += [[one.session, local(one.updated), size(one.size), one.title or "-"] for one in view.sessions]
    kept = "".join(f"stays: {one_line(why)}\n" for why in view.kept)
    return (_table(rows, width) if view.sessions else "") + kept


def removed(view: CleanView, width: int | None) -> str:
    """What `fork clean` has removed."""
    gone = f"removed {count(len(view.sessions), 'session')}, {size(view.size)}\n"
    return (gone if view.sessions else "nothing to remove\n") + "".join(
        _fit(f"stays: {why}", width) + "\n" for why in view.kept
    )


def context(value: Json) -> str:
    """A context as people read it: what each message says, in order."""
    out = ["=== system\n", *(_block(block) for block in value["system"])]
    names = ", ".join(one_line(str(tool.get("name", "?"))) for tool in value["tools"])
    out.append(f"=== tools\n{names}\n")
    for number, message in enumerate(value["messages"], 1):
        out.append(f"=== {number} {message['role']}\n")
        out.extend(_block(block) for block in message["content"])
    return "".join(out)


def _block(block: Json) -> str:
    kind = block.get("type")
    if kind == "text":
        return sanitize(str(block.get("text", ""))) + "\n"
    if kind == "thinking":
        return "[thinking] " + sanitize(str(block.get("thinking", ""))) + "\n"
    if kind == "tool_use":
        return f"[call {one_line(str(block.get('name')))}] {json_text(block.get('input'))}\n"
    if kind == "tool_result":
        content = block.get("content")
        inner = [_block(item) for item in content if isinstance(item, dict)] if isinstance(content, list) else []
        return "[error] " * bool(block.get("is_error")) + "[result]\n" + "".join(inner)
    return f"[{one_line(str(kind))}]\n"


def health(view: HealthView, width: int | None) -> str:
    """`fork doctor`."""
    out = []
    name_width = max((len(row.name) for row in view.rows), default=0)
    for row in view.rows:
        out.append(f"{row.health:<7}  {row.name:<{name_width}}  {one_line(row.detail, 1000)}\n")
        if row.hint:
            out.append(f"{'':<7}  {'':<{name_width}}  → {one_line(row.hint, 1000)}\n")
    out.append("\neverything that fork needs is here\n" if view.ok else "\nsomething that fork needs is missing\n")
    return "".join(_fold(line, 11 + name_width, width) for line in out)


def local(iso: str) -> str:
    """A UTC time in the reader's own time zone, to the minute."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return one_line(iso, 20)


def size(number: float) -> str:
    """Bytes as people read them: `512 bytes`, `3.4 MiB`."""
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} {_UNITS[-1]}"


def _spent(row: AgentRow) -> list[str]:
    """What an agent took, in the words of a turn's end; of one that did nothing yet only that."""
    facts = [count(row.steps, "step")]
    if row.usage.prompt_tokens:
        facts.append(traffic(row.usage))
    if row.cost_usd:
        facts.append(dollars(row.cost_usd))
    return facts


def _relation(row: AgentRow) -> str:
    """What it is to the one above it."""
    above = row.parent or "?"
    match row.kind:
        case "main":
            return ""
        case "fork":
            return f", a fork of {above} at entry {row.at}"
        case "spawn":
            return f", spawned by {above}"
        case "abandoned":
            return f", what {above} was before it went back"


def _nested(rows: Iterable[AgentRow]) -> list[tuple[AgentRow, int]]:
    """Rows with their depth; one whose parent is not in the list stands at the top."""
    depths: dict[str, int] = {}
    out = []
    for row in rows:
        depths[row.agent] = depths.get(row.parent, -1) + 1 if row.parent else 0
        out.append((row, depths[row.agent]))
    return out


def _table(rows: Sequence[Sequence[str]], width: int | None) -> str:
    """Columns as wide as their widest cell; the last takes what is left of the width."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(_columns(row[i]) for row in cells) for i in range(len(cells[0]) - 1)]
    lines = []
    for *first, last in cells:
        padded = (cell + " " * (wide - _columns(cell)) for cell, wide in zip(first, widths, strict=True))
        lines.append(_fit(GAP.join([*padded, last]), width) + "\n")
    return "".join(lines)


def _columns(text: str) -> int:
    """Terminal columns that sanitized text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fit(text: str, width: int | None) -> str:
    """The text in one line, cut to the width."""
    text = one_line(text, 2000).rstrip()
    if width is None or _columns(text) <= width:
        return text
    while text and _columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _indented(text: str, width: int | None) -> str:
    lines = sanitize(text.strip()).split("\n")
    return "".join(_fold(f"  {line}".rstrip() + "\n", 2, width) for line in lines)


def width_of(stream: TextIO) -> int | None:
    """Columns of the terminal that a stream is; None for a pipe, where nothing is cut."""
    import shutil

    return shutil.get_terminal_size().columns if stream.isatty() else None


def paragraph(text: str, width: int | None) -> str:
    """Words as a paragraph that fits; it ends with a newline."""
    return _fold(one_line(text, 5000) + "\n", 0, width)


def _fold(line: str, indent: int, width: int | None) -> str:
    """A long line over several, at spaces, with the later ones indented."""
    if width is None or _columns(line.rstrip("\n")) <= width or width < indent + 20:
        return line
    words, lines, current = line.rstrip("\n")[indent:].split(" "), [], line[:indent]
    for word in words:
        if current.strip() and _columns(current) + _columns(word) + 1 > width and len(current) > indent:
            lines.append(current.rstrip())
            current = " " * indent
        current += word + " "
    return "\n".join([*lines, current.rstrip()]) + "\n"

"""The tool `edit`: replaces text that stands in a file exactly, and once unless told otherwise.

It never replaces what is merely alike: where `old_str` does not stand, the result says what does.
"""

import asyncio
from dataclasses import dataclass

from forkcli.core.entries import ToolFacts
from forkcli.core.messages import Json, text_block
from forkcli.engine.ports import ToolEnv, ToolOutcome
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.diffs import unified
from forkcli.tools.filetypes import binary_kind
from forkcli.tools.nearest import numbered, why_not_found
from forkcli.tools.output import size
from forkcli.tools.paths import existing_file, may_write
from forkcli.tools.replace import Span, replaced, spans_of
from forkcli.tools.schema import tool_schema
from forkcli.tools.write import encoded

MAX_FILE = 10 << 20  # bytes
LINES_NAMED = 20
PLACES_SHOWN = 3
LINES_SHOWN = 12  # of a place
AROUND = 2  # lines before and after a changed one

PROPERTIES: Json = {
    "path": {"type": "string"},
    "old_str": {"type": "string"},
    "new_str": {"type": "string"},
    "replace_all": {"type": "boolean", "default": False},
}


def edit_tool() -> "Edit":
    """The tool with its description read."""
    return Edit(tool_schema("edit", PROPERTIES, ["path", "old_str", "new_str"]))


@dataclass(frozen=True, slots=True)
class Edit(Builtin):
    """Fills the `Tool` port."""

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Replace, and show the changed lines."""
        may_write(self.name, env)
        old, new = encoded("old_str", args["old_str"]), encoded("new_str", args["new_str"])
        if not old:
            raise ForkError("`old_str` is empty", "to create or replace a whole file use `write`")
        if old == new:
            raise ForkError("`old_str` and `new_str` are the same: there is nothing to change")
        data = _content(args["path"], env)
        name = env.workspace.relative(args["path"])
        spans = spans_of(data, old, new)
        if not spans:
            text = data.decode(errors="replace").removeprefix("\ufeff")
            said = await asyncio.to_thread(why_not_found, text, args["old_str"], args["new_str"])
            raise ForkError(f"`old_str` was not found in `{name}`; nothing was changed", *said)
        if len(spans) > 1 and not args["replace_all"]:
            raise _not_unique(data, spans, name)
        after = replaced(data, spans)
        if after == data:
            raise ForkError("`old_str` and `new_str` differ in line endings alone, and those of the file are kept")
        env.workspace.write(args["path"], after)
        texts = (data.decode(errors="replace"), after.decode(errors="replace"))
        diff = await asyncio.to_thread(unified, *texts, name)
        return ToolOutcome((text_block(_told(after, spans, name)),), facts=ToolFacts(changed=(name,), diff=diff))


def _content(path: str, env: ToolEnv) -> bytes:
    stat = existing_file(path, env)
    name = env.workspace.relative(path)
    if stat.size > MAX_FILE:
        raise ForkError(
            f"`{name}` has {size(stat.size)}, more than `edit` takes ({size(MAX_FILE)})", "use bash (`sed`)"
        )
    data = env.workspace.read(path, MAX_FILE + 1)
    if what := binary_kind(data):
        raise ForkError(f"`{name}` is {what} and is not edited as text", "use bash")
    return data


def _not_unique(data: bytes, spans: list[Span], name: str) -> ForkError:
    lines = [data.count(b"\n", 0, span.start) + 1 for span in spans[:LINES_NAMED]]
    more = f" and {len(spans) - LINES_NAMED} more" if len(spans) > LINES_NAMED else ""
    return ForkError(
        f"`old_str` occurs {len(spans):,} times in `{name}`, on lines {', '.join(map(str, lines))}{more}; "
        "nothing was changed",
        "add lines around the one you mean, or set `replace_all`",
    )


def _told(after: bytes, spans: list[Span], name: str) -> str:
    """How many places changed, and the first of them as they are now."""
    count = "1 place" if len(spans) == 1 else f"{len(spans):,} places"
    rows = [f"Edited `{name}`, {count}:"]
    moved = 0
    lines = after.decode(errors="replace").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    for span in spans[:PLACES_SHOWN]:
        start = span.start + moved
        moved += len(span.text) - (span.end - span.start)
        first = after.count(b"\n", 0, start)
        last = first + span.text.rstrip(b"\r\n").count(b"\n")
        rows += _place(lines, first, last)
    if len(spans) > PLACES_SHOWN:
        rows.append("…")
    if not after:
        rows.append("[the file is empty now]")
    return "\n".join(rows)


def _place(lines: list[str], first: int, last: int) -> list[str]:
    """Lines `first` to `last` (from 0) and a few around them; the middle of a long place is left out."""
    start, end = max(first - AROUND, 0), min(last + AROUND + 1, len(lines) - (lines[-1] == ""))
    if end - start <= LINES_SHOWN:
        return numbered(lines[start:end], start + 1)
    half = LINES_SHOWN // 2
    gone = end - start - 2 * half
    return [
        *numbered(lines[start : start + half], start + 1),
        f"     … {gone:,} more lines",
        *numbered(lines[end - half : end], end - half + 1),
    ]

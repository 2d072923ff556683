"""`/context`: what fills a context, by kind and by file. Pure.

Tokens are estimated from bytes and then scaled to what the API counted, so that the rows add up to the whole.
"""

import re
from collections.abc import Iterator

from forkcli.core.history import History
from forkcli.core.messages import Block, calls_of, dump
from forkcli.core.views import FillRow, FillView

IMAGE_BYTES = 4 * 1600  # an image costs tokens by its size in pixels, not by its bytes; about this many
_PROJECT_FILE = re.compile(r'<project-file path="([^"\n]{1,500})">(.*?)</project-file>', re.DOTALL)

Part = tuple[str, str | None, int]  # kind, file, bytes


def context_fill(history: History, window: int | None = None) -> FillView:
    """What fills the context that would be sent next; `window` is the model's, in tokens."""
    parts = list(_parts(history))
    tokens = history.context_tokens()
    scale = tokens / max(1, sum(size for _, _, size in parts))
    kinds = _rows(((kind, size) for kind, _, size in parts), scale)
    files = _rows(((file, size) for _, file, size in parts if file), scale)
    return FillView(tokens, window, kinds, files)


def _rows(items: Iterator[tuple[str, int]], scale: float) -> tuple[FillRow, ...]:
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name, size in items:
        counts[name] = counts.get(name, 0) + 1
        sizes[name] = sizes.get(name, 0) + size
    rows = (FillRow(name, counts[name], round(sizes[name] * scale)) for name in sizes)
    return tuple(sorted(rows, key=lambda row: (-row.tokens, row.what)))


def _parts(history: History) -> Iterator[Part]:
    context = history.context()
    yield from (("system prompt", None, _size(block)) for block in context.system)
    yield from (("tool definitions", None, _size(block)) for block in context.tools)
    calls: dict[str, Block] = {}
    for message in context.messages:
        for call in calls_of(message.content):
            calls[str(call.get("id"))] = call
        for block in message.content:
            yield from _block(block, message.role, calls)


def _block(block: Block, role: str, calls: dict[str, Block]) -> Iterator[Part]:
    kind = block.get("type")
    if kind == "tool_result":
        call = calls.get(str(block.get("tool_use_id")), {})
        yield f"results of {call.get('name', 'tools')}", _path(call), _size(block)
    elif kind == "tool_use":
        yield "tool calls", _path(block), _size(block)
    elif kind in {"thinking", "redacted_thinking"}:
        yield "thinking", None, _size(block)
    elif role == "assistant":
        yield "answers", None, _size(block)
    else:
        yield from _said(block)


def _said(block: Block) -> Iterator[Part]:
    """A prompt or a message; the project's instructions in it are told apart."""
    rest = _size(block)
    text = block.get("text")
    for path, body in _PROJECT_FILE.findall(text) if isinstance(text, str) else ():
        size = len(body.encode(errors="replace"))
        rest -= size
        yield "project files", path, size
    handed_over = isinstance(text, str) and text.startswith("<notice>") and "\n<ledger since=" in text
    yield "reports and ledgers" if handed_over else "prompts and messages", None, max(rest, 0)


def _path(call: Block) -> str | None:
    args = call.get("input")
    path = args.get("path") if isinstance(args, dict) else None
    return path if isinstance(path, str) else None


def _size(block: Block) -> int:
    content = block.get("content")
    if isinstance(content, list):
        return sum(_size(item) for item in content if isinstance(item, dict))
    if block.get("type") == "image":
        return IMAGE_BYTES
    return len(dump(block))

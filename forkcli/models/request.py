"""The body of a Messages API request, as bytes.

Pure. Invariant: the bytes of a message are those of `Message.raw`, made once; only a message that carries a cache mark
is written anew, and differs by that mark alone. At most four marks, never on thinking or on empty text.
"""

from dataclasses import replace
from operator import attrgetter

from forkcli.core.messages import Block, Json, Message, dump
from forkcli.engine.ports import ModelRequest
from forkcli.models import catalog
from forkcli.models.caps import Caps

MOST_MARKS = 4
MARK: Json = {"type": "ephemeral"}
_RAW = attrgetter("raw")
_THINKING = frozenset({"thinking", "redacted_thinking"})
_MARKABLE = frozenset({"text", "image", "document", "search_result", "tool_use", "tool_result"})


def request_body(request: ModelRequest, caps: Caps, stream: bool = True) -> bytes:
    """The request as JSON in UTF-8, with what `caps` allows."""
    messages = list(request.context.messages)
    if not caps.thinking_blocks:
        messages = [without_thinking(message) for message in messages]
    marks = message_marks(messages, request.pins, caps)
    used = sum(map(len, marks.values()))
    head = _head(request, caps, stream=stream, mark_system=used < MOST_MARKS and caps.marks != "none")
    parts = list(map(_RAW, messages))  # for each of thousands, so nothing more is done here
    for index, blocks in marks.items():
        parts[index] = messages[index].marked(MARK, blocks)
    return b"".join((dump(head)[:-1], b',"messages":[', b",".join(parts), b"]}"))


def message_marks(messages: list[Message], pins: tuple[tuple[int, int], ...], caps: Caps) -> dict[int, list[int]]:
    """Which blocks carry a cache mark: message index -> block indexes.

    In order of worth: the tail, the previous request's tail, the pins as they are listed. The end of `system` gets what
    is left of the four, since every mark behind it also serves it.
    """
    if caps.marks == "none":
        return {}
    wanted = [(len(messages) - 1, -1), (_previous_tail(messages), -1), *pins]
    found: dict[int, list[int]] = {}
    for index, before in wanted:
        if not 0 <= index < len(messages) or sum(map(len, found.values())) == MOST_MARKS:
            continue
        block = _markable(messages[index], before, text_only=caps.marks == "text")
        if block is not None and block not in found.setdefault(index, []):
            found[index].append(block)
    return {index: blocks for index, blocks in found.items() if blocks}


def without_thinking(message: Message) -> Message:
    """The message without thinking blocks; one that held nothing else says so in a word, since none may be empty."""
    if message.role != "assistant" or not any(b.get("type") in _THINKING for b in message.content):
        return message
    kept = tuple(b for b in message.content if b.get("type") not in _THINKING)
    return replace(message, content=kept or ({"type": "text", "text": "(thinking)"},))


def _previous_tail(messages: list[Message]) -> int:
    """The index of the message that the previous request ended with: the one before the last answer; -1 if none."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "assistant":
            return index - 1
    return -1


def _markable(message: Message, place: int, *, text_only: bool) -> int | None:
    """The index of the last block up to `place` (negative: from the end) that may carry a mark."""
    last = place if place >= 0 else len(message.content) + place
    for index in range(min(last, len(message.content) - 1), -1, -1):
        block = message.content[index]
        kind = block.get("type")
        if kind == "text" and block.get("text"):
            return index
        if not text_only and kind in _MARKABLE and kind != "text":
            return index
    return None


def _head(request: ModelRequest, caps: Caps, *, stream: bool, mark_system: bool) -> Json:
    """Everything but the messages."""
    limit = request.max_tokens if caps.max_tokens is None else min(request.max_tokens, caps.max_tokens)
    model = catalog.full_name(request.model)
    head: Json = {"model": model, "max_tokens": limit}
    if caps.thinking and catalog.thinks_adaptively(model):
        head["thinking"] = {"type": "adaptive", "display": "summarized"}
    if caps.effort and request.effort is not None and catalog.takes_effort(model):
        head["output_config"] = {"effort": request.effort}
    if stream:
        head["stream"] = True
    if request.context.system:
        head["system"] = _system(request.context.system, caps, mark=mark_system)
    if request.context.tools:
        head["tools"] = list(request.context.tools)
        if mark_system and caps.marks == "all" and not request.context.system:
            head["tools"][-1] = {**head["tools"][-1], "cache_control": MARK}
    return head


def _system(blocks: tuple[Block, ...], caps: Caps, *, mark: bool) -> str | list[Block]:
    if not caps.system_blocks:
        return "\n\n".join(str(b.get("text", "")) for b in blocks)
    marked = list(blocks)
    if mark:
        marked[-1] = {**marked[-1], "cache_control": MARK}
    return marked

"""How entries become messages that the Messages API takes, whatever the entries are.

Every function is total: content that the API would refuse (an empty text, a trailing thinking block, a call without a
usable id) is left out, always in the same way, so that the bytes of a message never depend on when it was built.
"""

import re
from collections.abc import Container, Iterable, Sequence

from forkcli.core.entries import Assistant, Message, Notice, Prompt, Rewind, ToolResult
from forkcli.core.messages import Block, quoted, text_block, tool_result_block

Part = Prompt | Message | Notice | Rewind

LOST_RESULT = "[the result of this call was lost; whether it ran is unknown]"
_NOTICE_END = "</notice>"
GAP = "[entries of the history are missing here]"

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_SAID = ("tool_result", "tool_use")  # no prompt and no tool's result holds these
_THINKING = ("thinking", "redacted_thinking")


def sendable(answer: Assistant, used: Container[str] = ()) -> tuple[Block, ...]:
    """The blocks of an answer that go back to the API; empty if none can (also after a refusal).

    The API wants every call's id to be unique in a conversation, and some endpoints count their calls anew in each
    answer: an id that is in `used`, or stands twice, gets a number at its end.
    """
    if answer.stop_reason == "refusal":
        return ()
    blocks: list[Block] = []
    seen: set[str] = set()
    for block in answer.content:
        kind = block.get("type")
        if kind == "text" and not _is_text(block):
            continue
        if kind == "tool_use":
            if not usable_call(block):
                continue
            name = _unique(block["id"], used, seen)
            seen.add(name)
            blocks.append(block if name == block["id"] else {**block, "id": name})
            continue
        blocks.append(block)
    while blocks and blocks[-1].get("type") in _THINKING:
        blocks.pop()
    return tuple(blocks)


def _unique(name: str, used: Container[str], seen: Container[str]) -> str:
    tried, number = name, 1
    while tried in used or tried in seen:
        number += 1
        tried = f"{name}_{number}"
    return tried


def usable_call(block: Block) -> bool:
    """Whether a tool_use block has an id and a name the API takes, and an object as its input."""
    call, name = block.get("id"), block.get("name")
    return (
        isinstance(call, str)
        and isinstance(name, str)
        and isinstance(block.get("input"), dict)
        and _ID.fullmatch(call) is not None
        and _NAME.fullmatch(name) is not None
    )


def sealed(calls: Sequence[tuple[str, ToolResult | None]], parts: Iterable[Part], marker: str) -> tuple[Block, ...]:
    """The content of a user-role message: results in the order of their calls, then what came since, in its order.

    A notice (also that of a rewind without a report), and the marker at the end, join the block before them: after
    results alone they stand inside the last result's text, since text of its own after results teaches a model to
    answer with nothing. Empty when there is nothing to say.
    """
    blocks = [_result(call, result) for call, result in calls]
    for part in parts:
        match part:
            case Notice(text=text):
                blocks = _joined(blocks, f"<notice>{quoted(text)}{_NOTICE_END}")
            case Rewind(report="", told=told, to=to) if to:
                note = f"<notice>{quoted(told.strip())}{_NOTICE_END}"
                blocks = _joined(blocks, note) if told.strip() else blocks
            case _:
                blocks.extend(_said(part))
    return tuple(_joined(blocks, marker) if blocks and marker.strip() else blocks)


def _said(part: Prompt | Message | Rewind) -> list[Block]:
    if isinstance(part, Rewind):
        return [text_block(part.told)] if part.told.strip() else []
    if isinstance(part, Message):
        return [text_block(f'<message from="{quoted(part.sender)}">\n{quoted(part.text)}\n</message>')]
    return _solid(part.blocks)


def _result(call: str, result: ToolResult | None) -> Block:
    if result is None:
        return tool_result_block(call, [text_block(LOST_RESULT)], is_error=True)
    return tool_result_block(call, _solid(result.content), is_error=result.is_error)


def _solid(blocks: Iterable[Block]) -> list[Block]:
    """Blocks without what the API refuses there: empty texts, texts that are none, calls and results."""
    return [b for b in blocks if b.get("type") not in _NOT_SAID and (b.get("type") != "text" or _is_text(b))]


def _is_text(block: Block) -> bool:
    text = block.get("text")
    return isinstance(text, str) and bool(text.strip())


def _joined(blocks: list[Block], text: str) -> list[Block]:
    """`text` at the end of the last block: of a result's own blocks if it is one."""
    if not blocks:
        return [text_block(text)]
    last = blocks[-1]
    if last.get("type") == "tool_result":
        return [*blocks[:-1], {**last, "content": _joined(list(last["content"]), text)}]
    if last.get("type") != "text":
        return [*blocks, text_block(text)]
    gap = "\n" if last["text"].endswith(_NOTICE_END) else "\n\n"
    return [*blocks[:-1], {**last, "text": f"{last['text']}{gap}{text}"}]

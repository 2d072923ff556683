"""The Messages API's content as plain JSON objects, and the few shapes fork builds itself.

Blocks that came from the model are kept as they came (thinking and its signatures included), so they are JSON objects
and not classes: a field that fork does not know survives.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Block: TypeAlias = Json
Role = Literal["user", "assistant"]

# Tags by which fork speaks inside a user-role message; quoted text must not be able to close or forge them.
_TAGS = re.compile(r"<(?=/?\s*(?:message|checkpoint|report|notice|session|project-file|data)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a context. `raw` is its JSON, made once: the bytes of what was sent never change."""

    role: Role
    content: tuple[Block, ...]
    raw: bytes = field(repr=False, compare=False, default=b"")

    def __post_init__(self) -> None:
        if not self.raw:
            object.__setattr__(self, "raw", dump({"role": self.role, "content": list(self.content)}))

    def marked(self, mark: Json, places: Iterable[int]) -> bytes:
        """Its JSON with `cache_control: mark` on the blocks at `places`."""
        blocks = list(self.content)
        for place in places:
            blocks[place] = {**blocks[place], "cache_control": mark}
        return dump({"role": self.role, "content": blocks})


def dump(value: object) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate, which UTF-8 cannot hold, makes it ASCII with escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def text_block(text: str) -> Block:
    """A text block."""
    return {"type": "text", "text": text}


def tool_result_block(call_id: str, content: Sequence[Block], *, is_error: bool) -> Block:
    """The answer to one tool call; `content` holds text and image blocks."""
    block: Block = {"type": "tool_result", "tool_use_id": call_id, "content": list(content)}
    if is_error:
        block["is_error"] = True
    return block


def text_of(blocks: Iterable[Block]) -> str:
    """The text blocks' text, joined by blank lines."""
    return "\n\n".join(b["text"] for b in blocks if b.get("type") == "text" and b.get("text"))


def calls_of(blocks: Iterable[Block]) -> list[Block]:
    """The tool_use blocks."""
    return [b for b in blocks if b.get("type") == "tool_use"]


def quoted(text: str) -> str:
    """`text` as it may stand inside a tag of fork's: no such tag can be opened or closed from within."""
    return _TAGS.sub("&lt;", text)

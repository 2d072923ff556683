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

# Tags by which fork speaks inside a user-role message; quoted text must not be able to close or forge them. With blanks
# in it a tag is one only if it goes on like one: `i < data.length` is code.
_NAMES = "(?:message|checkpoint|report|ledger|notice|session|project-file|data)"
_TAGS = re.compile(
    rf"<(?=/?{_NAMES}\b|\s{{0,9}}/?\s{{0,9}}{_NAMES}\s{{0,9}}(?:/?>|[\w-]{{1,40}}\s{{0,9}}=))", re.IGNORECASE
)
# `Promise<Message>` is code: a type in capitals right after a name, with neither a slash nor anything else in the tag.
# fork's own tags are in lower case, and stand after a line end or a blank.
_TYPE = re.compile(r"\w<[A-Z][a-z]+>")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a context."""

    role: Role
    content: tuple[Block, ...]
    lent: frozenset[str] = field(default=frozenset(), repr=False, compare=False)  # calls whose results are the parent's
    _raw: bytes = field(init=False, repr=False, compare=False, default=b"")

    @property
    def raw(self) -> bytes:
        """Its JSON, made once: the bytes of what was sent never change."""
        if not self._raw:
            object.__setattr__(self, "_raw", dump({"role": self.role, "content": list(self.content)}))
        return self._raw

    @property
    def line(self) -> bytes:
        """Its JSON as an agent's files keep it: a result that a fork shares with its parent is named, not copied."""
        if not self.lent:
            return self.raw
        return dump({"role": self.role, "content": [self._kept(block) for block in self.content]})

    @property
    def last_lent(self) -> int:
        """The index of the last block that is the parent's, -1 if none is."""
        places = (n for n, block in enumerate(self.content) if block.get("tool_use_id") in self.lent)
        return max(places, default=-1)

    def _kept(self, block: Block) -> Block:
        name = block.get("tool_use_id")
        return {"type": "tool_result", "tool_use_id": name, "shared": True} if name in self.lent else block

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
    texts = (b.get("text") for b in blocks if b.get("type") == "text")
    return "\n\n".join(text for text in texts if text and isinstance(text, str))


def calls_of(blocks: Iterable[Block]) -> list[Block]:
    """The tool_use blocks."""
    return [b for b in blocks if b.get("type") == "tool_use"]


def quoted(text: str) -> str:
    """`text` as it may stand inside a tag of fork's: no such tag can be opened or closed from within."""
    return _TAGS.sub(lambda tag: "<" if _TYPE.match(text, max(tag.start() - 1, 0)) and tag.start() else "&lt;", text)

"""A request as one flat run of parts: tools, system blocks, message blocks, in the order the API hashes them.

The cache's accounting and the signatures of thinking blocks are both statements about a prefix of this run. A part's
bytes leave cache marks out and write a plain string as the text block it stands for; nothing else is normalised, so a
reordered key counts as a change.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from forkcli.core.messages import Block, Json
from forkcli.models.scripted.script import blocks_of

Level = Literal["tools", "system", "messages"]
IMAGE_BYTES = 6000  # an image counts as 1,500 tokens, whatever its size


@dataclass(frozen=True, slots=True)
class Part:
    """One tool, system block or message block. `where` names it as errors of the API do."""

    level: Level
    where: str
    role: str
    block: Block
    data: bytes
    size: int  # bytes that count as tokens, four to one
    mark: Json | None


def parts_of(request: Json) -> list[Part]:
    """The parts of a request."""
    return list(_walk(request))


def _walk(request: Json) -> Iterator[Part]:
    for i, tool in enumerate(request.get("tools") or []):
        yield make_part("tools", f"tools.{i}", "", tool)
    for i, block in enumerate(blocks_of(request.get("system") or [])):
        yield make_part("system", f"system.{i}", "", block)
    for i, message in enumerate(request.get("messages") or []):
        for k, block in enumerate(blocks_of(message["content"])):
            yield make_part("messages", f"messages.{i}.content.{k}", message["role"], block)


def make_part(level: Level, where: str, role: str, block: Block) -> Part:
    """The part of one block."""
    plain = bare(block)
    data = dump(plain)
    return Part(level, where, role, block, data, _size(plain, data), mark_of(block))


def mark_of(block: Block) -> Json | None:
    """The block's cache mark, or that of a block inside its content."""
    inner = block.get("content")
    marks = [block.get("cache_control")]
    if isinstance(inner, list):
        marks += [b.get("cache_control") for b in inner if isinstance(b, dict)]
    return next((m for m in marks if m), None)


def bare(block: Block) -> Block:
    """The block without cache marks, its content as blocks."""
    plain = {key: value for key, value in block.items() if key != "cache_control"}
    if block.get("type") == "tool_result" and "content" in plain:
        plain["content"] = [{k: v for k, v in b.items() if k != "cache_control"} for b in blocks_of(plain["content"])]
    return plain


def _size(block: Block, data: bytes) -> int:
    inner = block.get("content")
    blocks = [block, *(inner if isinstance(inner, list) else [])]
    images = [b for b in blocks if isinstance(b, dict) and b.get("type") == "image"]
    return len(data) + sum(IMAGE_BYTES - len(dump(image)) for image in images)


def has_images(parts: list[Part]) -> bool:
    """Whether an image stands anywhere in the messages."""
    return any(b'"type":"image"' in part.data for part in parts if part.level == "messages")


def dump(value: object) -> bytes:
    """Compact JSON, keys in the order they came; lone surrogates stay escaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")

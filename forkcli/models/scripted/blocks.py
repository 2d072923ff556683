"""The shapes of content blocks: which types, which fields, what they must hold. Pure."""

import re
from collections.abc import Callable
from typing import Any

from forkcli.core.messages import Block
from forkcli.models.scripted.refusal import RefusalError, among, need

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MAX_IMAGE_BYTES = 5 * 1024 * 1024

# For each block type: required fields with their types, and further ones.
_FIELDS: dict[str, tuple[dict[str, type | tuple[type, ...]], frozenset[str]]] = {
    "text": ({"text": str}, frozenset({"cache_control", "citations"})),
    "image": ({"source": dict}, frozenset({"cache_control"})),
    "document": ({"source": dict}, frozenset({"cache_control", "title", "context", "citations"})),
    "tool_use": ({"id": str, "name": str, "input": dict}, frozenset({"cache_control", "caller"})),
    "tool_result": ({"tool_use_id": str}, frozenset({"content", "is_error", "cache_control", "toolset_name"})),
    "thinking": ({"thinking": str, "signature": str}, frozenset()),
    "redacted_thinking": ({"data": str}, frozenset()),
}
_IN_ROLE = {
    "user": frozenset({"text", "image", "document", "tool_result"}),
    "assistant": frozenset({"text", "tool_use", "thinking", "redacted_thinking"}),
    "system": frozenset({"text"}),
    "result": frozenset({"text", "image", "document"}),
}


def check_block(block: Any, role: str, where: str) -> None:
    """Refuse a block that the API would not take at this place. `role` is `result` inside a tool_result."""
    need(isinstance(block, dict), f"{where}: Input should be a valid dictionary")
    kind = block.get("type")
    need(kind is not None, f"{where}.type: Field required")
    expected = _IN_ROLE[role]
    if not among(kind, expected):
        tags = ", ".join(f"'{tag}'" for tag in sorted(expected))
        text = f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        raise RefusalError(text)
    _check_fields(block, kind, where)
    check = _CHECKS.get(kind)
    if check:
        check(block, where)


def _check_fields(block: Block, kind: str, where: str) -> None:
    required, further = _FIELDS[kind]
    for name, kinds in required.items():
        need(name in block, f"{where}.{kind}.{name}: Field required")
        need(isinstance(block[name], kinds), f"{where}.{kind}.{name}: Input has a wrong type")
    for name in block:
        known = name == "type" or name in required or name in further
        need(known, f"{where}.{kind}.{name}: Extra inputs are not permitted")


def _check_text(block: Block, where: str) -> None:
    text = block["text"]
    need(text or not block.get("cache_control"), f"{where}.text: cache_control cannot be set for empty text blocks")
    need(text, "messages: text content blocks must be non-empty")
    need(text.strip(), "messages: text content blocks must contain non-whitespace text")


def _check_image(block: Block, where: str) -> None:
    source = block["source"]
    if source.get("type") == "url":
        return
    need(source.get("type") == "base64", f"{where}.image.source.type: Input should be 'base64' or 'url'")
    kind = source.get("media_type")
    need(among(kind, _IMAGES), f"{where}.image.source.base64.media_type: Input should be one of {_IMAGES}")
    data = source.get("data")
    need(isinstance(data, str) and data, f"{where}.image.source.base64.data: Field required")
    too_big = f"{where}.image.source.base64: image exceeds 5 MB maximum: {len(data)} bytes > {MAX_IMAGE_BYTES} bytes"
    need(len(data) <= MAX_IMAGE_BYTES, too_big)


def _check_call(block: Block, where: str) -> None:
    need(_ID.fullmatch(block["id"]), f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    need(0 < len(block["name"]) <= 200, f"{where}.tool_use.name: String should have at least 1 character")


def _check_result(block: Block, where: str) -> None:
    need(isinstance(block.get("is_error", False), bool), f"{where}.tool_result.is_error: Input should be a boolean")
    content = block.get("content", "")
    if isinstance(content, str):
        return
    need(isinstance(content, list), f"{where}.tool_result.content: Input should be a valid string or list")
    for i, inner in enumerate(content):
        check_block(inner, "result", f"{where}.tool_result.content.{i}")


_CHECKS: dict[str, Callable[[Block, str], None]] = {
    "text": _check_text,
    "image": _check_image,
    "tool_use": _check_call,
    "tool_result": _check_result,
}

"""Signatures of thinking blocks: each binds its block to its own text and to the exact prefix before it.

The key is a constant, so that a restarted server knows the blocks it signed before; it protects nothing. A script that
gives a signature of its own begins it with `free:` and is then not checked.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from forkcli.core.messages import Block
from forkcli.models.scripted.parts import Part, make_part
from forkcli.models.scripted.refusal import RefusalError

FREE = "free:"
_KEY = b"scripted model"
_HALF = 16


class _Prefix:
    """The hash of all parts so far."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._hash = hashlib.sha256()
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        self._hash.update(f"{part.level}:{part.role}:".encode() + part.data + b"\n")

    def sign(self, thinking: str) -> bytes:
        return _mac(thinking.encode("utf-8", "backslashreplace")) + _mac(self._hash.digest())


def _mac(data: bytes) -> bytes:
    return hmac.digest(_KEY, data, "sha256")[:_HALF]


def sign(content: Sequence[Block], parts: Sequence[Part]) -> list[Block]:
    """The reply's content with every unsigned thinking block signed for the request that has these parts."""
    if not any(block.get("type") == "thinking" for block in content):
        return list(content)
    prefix, signed = _Prefix(parts), []
    for block in content:
        done = block
        if block.get("type") == "thinking" and not block.get("signature"):
            done = {**block, "signature": base64.b64encode(prefix.sign(block.get("thinking", ""))).decode()}
        signed.append(done)
        prefix.add(make_part("messages", "", "assistant", done))
    return signed


def check_signatures(parts: Sequence[Part], *, bound: bool) -> None:
    """Refuse a thinking block that was changed, or (with `bound`) that follows another prefix than it was made for."""
    if not any(part.block.get("type") == "thinking" for part in parts):
        return
    prefix = _Prefix()
    for part in parts:
        if part.block.get("type") == "thinking":
            _check(part, prefix, bound=bound)
        prefix.add(part)


def _check(part: Part, prefix: _Prefix, *, bound: bool) -> None:
    given = str(part.block["signature"])
    if given.startswith(FREE):
        return
    try:
        found = base64.b64decode(given, validate=True)
    except ValueError:
        found = b""
    due = prefix.sign(part.block["thinking"])
    if len(found) != len(due) or found[:_HALF] != due[:_HALF]:
        raise RefusalError(f"{part.where}: Invalid `signature` in `thinking` block")
    if bound and found != due:
        raise RefusalError(
            f"{part.where}: Invalid `signature` in `thinking` block. The block is bound to a different conversation"
        )

"""One answer of a model, put together from the stream's events.

Pure: it is fed event objects and asked for the outcome; it knows no connection and no clock. Invariant: a block that is
kept is what the API would have sent in one piece, and a block that cannot be sent back (cut, unparsable, empty, or
thinking with nothing after it) is in `lost`, never in `content`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from forkcli.core.entries import Assistant, Usage
from forkcli.core.messages import Block, Json

_TEXT_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_BLANKS = {"text_delta": "text", "thinking_delta": "thinking"}
_THINKING = frozenset({"thinking", "redacted_thinking"})
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_MOST_TOKENS = 10**12  # no call counts that many: a larger number is no count
_USAGE_FIELDS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text, or of thinking, for the screen."""

    text: str
    thinking: bool = False


@dataclass(slots=True)
class _Growing:
    """A block on its way: as it began, the pieces since, and whether its end was seen."""

    block: Block
    pieces: dict[str, list[str]] = field(default_factory=dict)
    citations: list[Any] = field(default_factory=list)
    stopped: bool = False

    def whole(self) -> tuple[Block, bool]:
        """The block so far, and whether it can stand in a message."""
        block = dict(self.block)
        for name in ("text", "thinking"):
            if name in self.pieces:
                block[name] = _text(block.get(name)) + "".join(self.pieces[name])
        if self.citations:
            before = block.get("citations")
            block["citations"] = [*(before if isinstance(before, list) else []), *self.citations]
        kind = block.get("type")
        if kind == "text":
            return block, bool(_text(block.get("text")).strip())
        if not isinstance(kind, str):
            return block, False
        if kind in _CALLS:
            return self._call(block)
        return block, self.stopped

    def _call(self, block: Block) -> tuple[Block, bool]:
        written = "".join(self.pieces.get("partial_json", ()))
        if not written.strip():
            return block, self.stopped and isinstance(block.get("input"), dict)
        value = _parsed(written)
        if self.stopped and isinstance(value, dict):
            return {**block, "input": value}, True
        return {**block, "partial_json": written}, False


class ReplyBuilder:
    """Collects one answer. Feed it every event; unknown events, blocks and deltas are tolerated."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Growing] = {}
        self._usage = dict.fromkeys(_USAGE_FIELDS, 0)
        self._stop_reason: str | None = None
        self._stop_details: Block | None = None
        self._ended = False
        self.model = ""
        self.message_id = ""
        self.request_id = ""

    @property
    def finished(self) -> bool:
        """Whether the answer is complete: its end was seen, and why it stopped."""
        return self._ended and self._stop_reason is not None

    @property
    def usage(self) -> Usage:
        """The tokens as far as the stream has told them."""
        return Usage(**self._usage)

    def feed(self, event: Json) -> list[Delta]:
        """Take in one stream event; returns what it adds to the screen."""
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event, _dict(event.get("delta")))
            case "content_block_start":
                return self._start(event, _dict(event.get("content_block")))
            case "content_block_stop":
                if (growing := self._blocks.get(self._index(event))) is not None:
                    growing.stopped = True
            case "message_start":
                self._begin(_dict(event.get("message")))
            case "message_delta":
                self._finish(_dict(event.get("delta")))
                self._count(event.get("usage"))
            case "message_stop":
                self._ended = True
            case "request_id":
                self.request_id = _text(event.get("request_id"))
        return []

    def assistant(self, ms: int) -> Assistant:
        """The complete answer; `ms` is how long it took. Raises ValueError when it is not `finished`."""
        if not self.finished:
            raise ValueError("the answer is not complete")
        return self._entry(ms, cut=False)

    def partial(self, ms: int) -> Assistant | None:
        """What is worth keeping of an answer that was stopped on its way; None when nothing is."""
        entry = self._entry(ms, cut=True)
        return entry if entry.content else None

    def _begin(self, message: Json) -> None:
        self.model = _text(message.get("model"))
        self.message_id = _text(message.get("id"))
        self._finish(message)
        self._count(message.get("usage"))
        content = message.get("content")
        for number, block in enumerate(content if isinstance(content, list) else []):
            self._blocks[number] = _Growing(_dict(block), stopped=True)

    def _start(self, event: Json, block: Json) -> list[Delta]:
        index = event.get("index")
        self._blocks[index if isinstance(index, int) else len(self._blocks)] = _Growing(block)
        kind = block.get("type")
        shown = _text(block.get(kind)) if kind in ("text", "thinking") else ""
        return [Delta(shown, thinking=kind == "thinking")] if shown else []

    def _delta(self, event: Json, delta: Json) -> list[Delta]:
        kind = _text(delta.get("type"))
        index = self._index(event)
        growing = self._blocks.get(index)
        if growing is None:
            if kind not in _BLANKS:
                return []
            growing = self._blocks[index] = _Growing({"type": _BLANKS[kind], _BLANKS[kind]: ""})
        if (name := _TEXT_FIELDS.get(kind)) is not None:
            piece = _text(delta.get(name))
            growing.pieces.setdefault(name, []).append(piece)
            return [Delta(piece, thinking=name == "thinking")] if piece and name != "partial_json" else []
        if kind == "signature_delta":
            growing.block = {**growing.block, "signature": _text(delta.get("signature"))}
        elif kind == "citations_delta":
            growing.citations.append(delta.get("citation"))
        return []

    def _finish(self, delta: Json) -> None:
        if isinstance(reason := delta.get("stop_reason"), str):
            self._stop_reason = reason
        if isinstance(details := delta.get("stop_details"), dict):
            self._stop_details = details

    def _count(self, usage: object) -> None:
        for name in _USAGE_FIELDS:
            value = _dict(usage).get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS:
                self._usage[name] = value

    def _index(self, event: Json) -> int:
        index = event.get("index")
        return index if isinstance(index, int) else max(self._blocks, default=0)

    def _sorted(self) -> tuple[list[Block], list[Block]]:
        """The blocks that can stand in a message, and those that cannot, each in the order they came."""
        kept: list[tuple[int, Block]] = []
        lost: list[tuple[int, Block]] = []
        for index, growing in sorted(self._blocks.items()):
            block, sound = growing.whole()
            (kept if sound else lost).append((index, block))
        while kept and kept[-1][1]["type"] in _THINKING:
            lost.append(kept.pop())
        return [b for _, b in kept], [b for _, b in sorted(lost, key=lambda pair: pair[0]) if b]

    def _entry(self, ms: int, *, cut: bool) -> Assistant:
        content, lost = self._sorted()
        return Assistant(
            content=tuple(content),
            stop_reason=self._stop_reason or "",
            usage=self.usage,
            model=self.model,
            message_id=self.message_id,
            request_id=self.request_id,
            ms=ms,
            cut=cut,
            lost=tuple(lost),
            stop_details=self._stop_details,
        )


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parsed(written: str) -> object:
    """The JSON value, or None: also for numbers that JSON does not have, since they could not be sent back."""
    try:
        return json.loads(written, parse_constant=_no_such_number)
    except (ValueError, RecursionError):
        return None


def _no_such_number(name: str) -> object:
    raise ValueError(name)

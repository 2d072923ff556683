"""Scripts: what the scripted server answers, in which order.

A script is a sequence of replies, or a function from the request's body to a reply (plain or `async`). It is consumed
by one `Playlist`, which is not thread-safe: the server asks it from its own thread only.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from forkcli.core.messages import Block, Json, calls_of
from forkcli.models.scripted.faults import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model. Without content and with a fault, it is the fault alone."""

    content: Sequence[Block] = ()
    stop_reason: str | None = None  # None: tool_use if there are tool_use blocks, else end_turn
    delay_s: float = 0.0  # until the answer begins
    chunk_chars: int = 24  # characters in one delta
    tokens_per_s: float | None = None  # pace of the stream, 4 characters a token; None: at once
    fault: Fault | None = None
    usage: Json = field(default_factory=dict)  # replaces fields of the computed usage
    stop_details: Json | None = None
    when: str = ""  # only for a request whose newest messages hold this text
    times: int = 1  # how many requests it answers; 0: any number

    def __post_init__(self) -> None:
        if self.chunk_chars < 1 or self.times < 0 or self.delay_s < 0:
            raise ValueError("a reply needs chunk_chars of at least 1, times and delay_s of at least 0")
        if self.tokens_per_s is not None and self.tokens_per_s <= 0:
            raise ValueError("a reply needs tokens_per_s above 0")

    @property
    def stop(self) -> str:
        """The stop reason."""
        return self.stop_reason or ("tool_use" if calls_of(self.content) else "end_turn")


Script: TypeAlias = Sequence[Reply] | Callable[[Json], Reply | Awaitable[Reply]]


class ScriptOverError(Exception):
    """A request came for which the script has no reply."""


# --- what replies are made of -------------------------------------------------------------------------------------


def fresh_id(prefix: str) -> str:
    """An id as the API makes them, e.g. `toolu_01…`: never the same twice, also over restarts."""
    return f"{prefix}_01{secrets.token_hex(11)}"


def say(text: str) -> Block:
    """A text block."""
    return {"type": "text", "text": text}


def think(text: str) -> Block:
    """A thinking block; the server signs it when it sends it."""
    return {"type": "thinking", "thinking": text, "signature": ""}


def call(name: str, /, **arguments: object) -> Block:
    """A call of a tool, with a fresh id."""
    return {"type": "tool_use", "id": fresh_id("toolu"), "name": name, "input": arguments}


def reply(*blocks: Block | str) -> Reply:
    """A reply of these blocks; a string is a text block."""
    return Reply([say(b) if isinstance(b, str) else b for b in blocks])


def fail(kind: FaultKind = "status", status: int = 529, retry_after: float | None = None) -> Reply:
    """A reply that is a fault alone."""
    return Reply(fault=Fault(kind, status=status, retry_after=retry_after))


# --- what a script reads ------------------------------------------------------------------------------------------


def blocks_of(content: str | Sequence[Block]) -> list[Block]:
    """Content as blocks: a string is one text block."""
    return [say(content)] if isinstance(content, str) else list(content)


def result_text(block: Block) -> str:
    """The text of a tool_result block."""
    return "\n".join(str(b.get("text", "")) for b in blocks_of(block.get("content", "")) if b.get("type") == "text")


def newest_text(request: Json) -> str:
    """The text that came after the last assistant message: prompts, messages and tool results, joined by lines."""
    texts: list[str] = []
    for message in reversed(request.get("messages", [])):
        if message["role"] == "assistant":
            break
        texts[:0] = [_text(b) for b in blocks_of(message["content"])]
    return "\n".join(texts)


def _text(block: Block) -> str:
    return result_text(block) if block.get("type") == "tool_result" else str(block.get("text", ""))


def _with_fresh_ids(content: Iterable[Block]) -> list[Block]:
    return [{**b, "id": fresh_id("toolu")} if b.get("type") == "tool_use" else b for b in content]


# --- playing a script ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    reply: Reply
    answered: int = 0
    struck: int = 0  # times its fault was given

    @property
    def fault(self) -> Fault | None:
        fault = self.reply.fault
        return fault if fault and self.struck < fault.times else None

    @property
    def over(self) -> bool:
        """Whether it has nothing more to give."""
        fault = self.reply.fault
        if fault and not fault.bends and self.fault is None and (fault.consumes or not self.reply.content):
            return True
        return 0 < self.reply.times <= self.answered

    def take(self, request: Json) -> Reply | None:
        """What it gives for the request; None: nothing, ask the next one."""
        fault = self.fault
        if fault and fault.kind == "reject_field":
            if fault.field in request:
                return self.reply
            self.struck = fault.times
            if self.over:
                return None
            fault = None
        if fault:
            self.struck += 1
            if not fault.bends:
                return self.reply
        self.answered += 1
        content = self.reply.content if self.answered == 1 else _with_fresh_ids(self.reply.content)
        return replace(self.reply, content=content, fault=fault)


class Playlist:
    """A script on its way. Replies are handed out in order; one with `when` waits for its request."""

    def __init__(self, script: Script) -> None:
        self._function = script if callable(script) else None
        self._items = [] if callable(script) else [_Item(r) for r in script]

    def take(self, request: Json) -> Reply | Awaitable[Reply]:
        """The reply to a request. Raises ScriptOverError when there is none."""
        if self._function is not None:
            return self._function(request)
        newest = newest_text(request)
        for item in self._items:
            if item.over or item.reply.when not in newest:
                continue
            given = item.take(request)
            if given is not None:
                return given
        raise ScriptOverError("the script has no reply left for this request")

    @property
    def left(self) -> int:
        """How many replies have not been given in full; 0 for a function."""
        return sum(not item.over for item in self._items if item.reply.times)

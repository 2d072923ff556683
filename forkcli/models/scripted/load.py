"""Scripts from JSON, so that anyone can script a run without Python. `docs/scripted.md` describes the format.

Whatever does not fit is a ForkError that names the place in the file; nothing is guessed.
"""

import json
from pathlib import Path
from typing import Any

from forkcli.core.messages import Block, Json
from forkcli.errors import ForkError, Kind
from forkcli.models.scripted.blocks import check_block
from forkcli.models.scripted.faults import KINDS, Fault
from forkcli.models.scripted.refusal import RefusalError
from forkcli.models.scripted.script import Reply, fresh_id, say, think

_DOCS = "docs/scripted.md describes the format"
_NUMBER = (int, float)
_FILLED: dict[str, Block] = {"tool_use": {"input": {}}, "thinking": {"signature": ""}}
_FAULT: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "after_events": int,
    "status": int,
    "message": str,
    "error_type": str,
    "retry_after": _NUMBER,
    "seconds": _NUMBER,
    "field": str,
    "times": int,
    "consumes": bool,
}
_REPLY: dict[str, type | tuple[type, ...]] = {
    "content": (list, str),
    "stop_reason": str,
    "delay_s": _NUMBER,
    "chunk_chars": int,
    "tokens_per_s": _NUMBER,
    "fault": (dict, str),
    "usage": dict,
    "stop_details": dict,
    "when": str,
    "times": int,
}


def load_script(path: Path) -> list[Reply]:
    """The replies in a JSON file: a list, or an object whose `replies` is one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as bad:
        raise _error(f"cannot read the script {path}: {bad.strerror}") from bad
    except (ValueError, RecursionError) as bad:
        raise _error(f"the script {path} is not JSON: {bad}") from bad
    replies = value.get("replies") if isinstance(value, dict) and set(value) == {"replies"} else value
    if not isinstance(replies, list):
        raise _error(f"the script {path} holds no list of replies", _DOCS)
    return [parse_reply(item, f"{path}: reply {n}") for n, item in enumerate(replies, 1)]


def parse_reply(value: Any, where: str) -> Reply:
    """One reply: a string, a list of blocks, or an object with fields of `Reply`. `where` stands before errors."""
    if isinstance(value, str | list):
        value = {"content": value}
    _check_fields(value, _REPLY, where)
    given: Json = dict(value)
    given["content"] = _content(given.get("content", []), where)
    if "fault" in given:
        given["fault"] = _fault(given["fault"], f"{where}: fault")
    try:
        return Reply(**given)
    except ValueError as bad:
        raise _error(f"{where}: {bad}", _DOCS) from bad


def _content(content: Any, where: str) -> list[Block]:
    items = [content] if isinstance(content, str) else content
    return [_block(item, f"{where}: block {n}") for n, item in enumerate(items, 1)]


def _block(item: Any, where: str) -> Block:
    """A block: a string, `{"think": …}`, `{"call": …, "input": …}`, or a block of the API."""
    if isinstance(item, str):
        return say(item)
    if not isinstance(item, dict):
        raise _error(f"{where} is neither a string nor an object", _DOCS)
    if set(item) == {"think"}:
        return think(str(item["think"]))
    if "call" in item:
        extra = set(item) - {"call", "input"}
        if extra:
            raise _error(f"{where}: unknown field {min(extra)}", "a call has `call` and `input`")
        item = {"type": "tool_use", "name": item["call"], "input": item.get("input", {})}
    block: Block = {"type": None, **_FILLED.get(str(item.get("type")), {}), **item}
    if block["type"] == "tool_use":
        block.setdefault("id", fresh_id("toolu"))
    try:
        check_block({k: v for k, v in block.items() if k != "partial_json"}, "assistant", where)
    except RefusalError as bad:
        raise _error(bad.message, _DOCS) from bad
    return block


def _fault(value: Any, where: str) -> Fault:
    given = {"kind": value} if isinstance(value, str) else value
    _check_fields(given, _FAULT, where)
    if given.get("kind") not in KINDS:
        raise _error(f"{where}: there is no kind {given.get('kind')!r}", f"kinds: {', '.join(KINDS)}")
    try:
        return Fault(**given)
    except ValueError as bad:
        raise _error(f"{where}: {bad}", _DOCS) from bad


def _check_fields(value: Any, known: dict[str, type | tuple[type, ...]], where: str) -> None:
    if not isinstance(value, dict):
        raise _error(f"{where} is not an object", _DOCS)
    for name, given in value.items():
        if name not in known:
            raise _error(f"{where}: unknown field {name}", f"fields: {', '.join(known)}")
        wrong_bool = isinstance(given, bool) and known[name] is not bool
        if wrong_bool or not isinstance(given, known[name]):
            raise _error(f"{where}: {name} has a wrong type", _DOCS)


def _error(sentence: str, *hints: str) -> ForkError:
    return ForkError(sentence, *hints, kind=Kind.USAGE)

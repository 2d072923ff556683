"""JSON for pipes: one value on one line (or indented for people), with nothing in it that could drive a terminal.

Invariant: the text holds no control character but the newlines of indentation, and parses back to the same value.
"""

import json
from typing import Any

_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *range(0xD800, 0xE000))}


def json_text(value: Any, *, indent: int | None = None, encoding: str | None = "utf-8") -> str:
    """`value` as JSON; in plain ASCII for a stream whose `encoding` cannot hold everything."""
    plain = (encoding or "").lower().replace("_", "-") not in {"utf-8", "utf8"}
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=plain, indent=indent, separators=separators)
    return text.translate(_ESCAPED)  # json escapes the C0 controls; not DEL, C1 and lone surrogates

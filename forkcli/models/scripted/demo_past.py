"""The end of the demo's script: it goes back to the prompt with a report, and its past self answers from that. Pure.

Invariant: what the past self says is the report that it was handed, and what `fork` says of the stretch beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.messages import Block, Json
from forkcli.models.scripted.demo_reading import Done
from forkcli.models.scripted.script import blocks_of, call, say

_HANDED = re.compile(
    r'^<report from="(\w+)"[^>\n]*? status="(\d+) steps?, ([\d,]+) tokens[^">\n]*">\n(.*?)\n</report>$',
    re.DOTALL | re.MULTILINE,
)
_MARK = re.compile(r'<checkpoint n="(\d+)"[^>]*/>\s*\Z')

_GOING_BACK = (
    "All is done, and my context is full of files and edits that nobody needs any more. So I **go back to the prompt "
    "and hand my past self a report**: what I am now lives on as an agent of its own."
)


@dataclass(frozen=True, slots=True)
class Handed:
    """The report that a past self was handed, and what the stretch behind it took."""

    author: str
    steps: int
    tokens: str
    text: str


def going_back(request: Json, start: int, report: str) -> list[Block]:
    """The call that goes back to the prompt at `start`; the report itself where that cannot be done."""
    offered = any(tool.get("name") == "rewind" for tool in request.get("tools", ()))
    mark = next((m for b in blocks_of(request["messages"][start]["content"])[::-1] if (m := _marked(b))), None)
    if not offered or mark is None:
        return [say(report)]
    return [say(_GOING_BACK), call("rewind", to=int(mark), report=report)]


def handed(messages: Sequence[Json]) -> Handed | None:
    """The newest report that stands in these messages as a text of its own, as only `fork` writes it."""
    texts = [
        str(block.get("text", ""))
        for message in messages
        if message["role"] == "user"
        for block in blocks_of(message["content"])
        if block.get("type") == "text"
    ]
    found = [m for text in texts for m in _HANDED.finditer(text)]
    return Handed(found[-1][1], int(found[-1][2]), found[-1][3], found[-1][4]) if found else None


def as_past_self(report: Handed) -> list[Block]:
    """The last message of all."""
    rewound = (
        f"- **The rewind:** I have read nothing but your prompt and the report of `{report.author}`, the self that "
        f"took {report.steps} steps and {report.tokens} tokens for it: `fork show {report.author}`."
    )
    return [say(f"{report.text}\n{rewound}")]


def refused(done: Sequence[Done]) -> bool:
    """Whether the last thing that was tried is to go back, and was refused."""
    return bool(done) and done[-1].name == "rewind" and done[-1].is_error


def _marked(block: Block) -> str | None:
    found = _MARK.search(str(block.get("text", "")))
    return found[1] if found else None

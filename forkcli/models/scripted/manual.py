"""Manual mode: a person plays the model. Each request becomes files in a folder; the reply is awaited there.

    007-request.md    what the model would read      007-request.json  the same, whole, as it was sent
    007-reply.md      a plain text as the answer     007-reply.json    a reply as in a JSON script, e.g. calls of tools
    007-error.txt     why the reply could not be used, until it is mended

Numbers go on from the files that are there. Nothing else in the folder is touched.
"""

import asyncio
import json
import re
from pathlib import Path

from forkcli.core.messages import Block, Json
from forkcli.errors import ForkError
from forkcli.models.scripted.load import parse_reply
from forkcli.models.scripted.script import Reply, blocks_of, reply, result_text

_NUMBERED = re.compile(r"(\d{3,})-(?:request|reply)\.")
_LOOK_S = 0.1
_SETTLED_S = 0.3  # a reply is taken once its file has not changed for so long
_SHOWN = 4000  # characters of one block in the readable file


class Manual:
    """A script: called with a request, it answers with what a person puts into the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        names = (_NUMBERED.match(path.name) for path in folder.iterdir())
        self._number = max((int(name[1]) for name in names if name), default=0)

    async def __call__(self, request: Json) -> Reply:
        """Write the request down and wait for its reply, however long that takes."""
        self._number += 1
        stem = f"{self._number:03d}"
        text = json.dumps(request, indent=1, ensure_ascii=False)
        (self._folder / f"{stem}-request.json").write_bytes(text.encode("utf-8", "backslashreplace"))
        readable = request_as_text(request, stem)
        (self._folder / f"{stem}-request.md").write_bytes(readable.encode("utf-8", "backslashreplace"))
        return await self._reply(stem)

    async def _reply(self, stem: str) -> Reply:
        error = self._folder / f"{stem}-error.txt"
        refused: tuple[str, str] | None = None
        while True:
            name, text = await self._settled(stem)
            if (name, text) == refused:
                continue
            try:
                answer = _parse(name, text)
            except ForkError as bad:
                refused = (name, text)
                error.write_text("\n".join([bad.sentence, *bad.hints]) + "\n", encoding="utf-8")
                continue
            error.unlink(missing_ok=True)
            return answer

    async def _settled(self, stem: str) -> tuple[str, str]:
        """Name and text of the reply's file, once it holds something and nobody is writing it."""
        before: tuple[str, str] | None = None
        while True:
            found = self._look(stem)
            if found and found == before:
                return found
            before = found
            await asyncio.sleep(_SETTLED_S if found else _LOOK_S)

    def _look(self, stem: str) -> tuple[str, str] | None:
        for suffix in ("json", "md"):
            path = self._folder / f"{stem}-reply.{suffix}"
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                return (path.name, text) if text.strip() else None
        return None


def _parse(name: str, text: str) -> Reply:
    if name.endswith(".md"):
        return reply(text.strip())
    try:
        return parse_reply(json.loads(text), name)
    except (ValueError, RecursionError) as bad:
        raise ForkError(f"{name} is not JSON: {bad}") from bad


def request_as_text(request: Json, stem: str) -> str:
    """What the model would read, for a person: everything the first time, then what is new since the last answer."""
    messages: list[Json] = request["messages"]
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    parts = [f"# Request {stem} to {request.get('model')}"]
    if last == 0:
        parts += _instructions(request)
    else:
        parts.append(f"{last} earlier messages, system and tools: see {stem}-request.json.")
    for message in messages[last:]:
        parts.append(f"## {message['role']}")
        parts += [_block_as_text(block) for block in blocks_of(message["content"])]
    parts.append(
        f"---\nAnswer in `{stem}-reply.md` (text), or in `{stem}-reply.json`, e.g.\n\n"
        '    ["I look first.", {"call": "bash", "input": {"command": "ls"}}]'
    )
    return "\n\n".join(parts) + "\n"


def _instructions(request: Json) -> list[str]:
    system = [str(b.get("text", "")) for b in blocks_of(request.get("system") or [])]
    tools = [_tool_as_text(tool) for tool in request.get("tools") or []]
    return ["## system", *system, "## tools", *(tools or ["none"])]


def _tool_as_text(tool: Json) -> str:
    schema = tool.get("input_schema", {})
    required = schema.get("required", [])
    names = [name if name in required else f"[{name}]" for name in schema.get("properties", {})]
    return f"**{tool.get('name')}**({', '.join(names)}): {tool.get('description', '')}"


def _block_as_text(block: Block) -> str:
    match block.get("type"):
        case "text":
            return _short(block["text"])
        case "tool_use":
            return f"→ {block['name']} {_short(json.dumps(block['input'], ensure_ascii=False))}  ({block['id']})"
        case "tool_result":
            kind = "error" if block.get("is_error") else "result"
            return f"← {kind} of {block['tool_use_id']}:\n\n{_short(result_text(block))}"
        case "thinking":
            return f"(thinking) {_short(block['thinking'])}"
        case other:
            return f"({other})"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n… {len(text) - _SHOWN} more characters"

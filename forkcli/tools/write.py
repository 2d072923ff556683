"""The tool `write`: creates a file or replaces it whole.

What it writes is `content` in UTF-8, byte for byte; the workspace does it atomically and refuses what is not to be
written.
"""

import asyncio
from dataclasses import dataclass

from forkcli.core.entries import ToolFacts
from forkcli.core.messages import Json, text_block
from forkcli.engine.ports import FileStat, ToolEnv, ToolOutcome
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.diffs import unified
from forkcli.tools.output import size
from forkcli.tools.paths import check_path, may_write
from forkcli.tools.schema import tool_schema

MAX_COMPARED = 4 << 20  # bytes of the old file, up to which a diff is made

PROPERTIES: Json = {"path": {"type": "string"}, "content": {"type": "string"}}


def write_tool() -> "Write":
    """The tool with its description read."""
    return Write(tool_schema("write", PROPERTIES, ["path", "content"]))


@dataclass(frozen=True, slots=True)
class Write(Builtin):
    """Fills the `Tool` port."""

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Write, and say whether the file is new and how large it is."""
        path = args["path"]
        may_write(self.name, env)
        check_path(path)
        data = encoded("content", args["content"])
        stat = env.workspace.stat(path)
        name = env.workspace.relative(path)
        if stat.kind == "dir":
            raise ForkError(f"`{name}` is a directory")
        if path.endswith("/"):
            raise ForkError(f"`{path}` names a directory, not a file")
        if stat.kind == "other":
            raise ForkError(f"`{name}` is a device, FIFO or socket and is not written")
        old = _old(path, stat, env)
        if stat.kind == "file" and old == data:
            return ToolOutcome((text_block(f"`{name}` holds exactly this already; nothing was written."),))
        env.workspace.write(path, data)
        diff = None
        if old is not None:
            texts = (old.decode(errors="replace"), args["content"])
            diff = await asyncio.to_thread(unified, *texts, name, created=stat.kind == "absent")
        text = _told(name, data, old, created=stat.kind == "absent") + _beside_the_shell(path, env)
        return ToolOutcome((text_block(text),), facts=ToolFacts(changed=(name,), diff=diff))


def encoded(field: str, text: str) -> bytes:
    """`text` in UTF-8. ForkError for a lone surrogate, which UTF-8 cannot hold."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ForkError(
            f"`{field}` has half a character (a lone surrogate) at position {error.start}, which UTF-8 cannot hold"
        ) from error


def _old(path: str, stat: FileStat, env: ToolEnv) -> bytes | None:
    """What was there, for comparison: nothing for a new file, None when it is too large."""
    if stat.kind == "absent":
        return b""
    if stat.size > MAX_COMPARED:
        return None
    return env.workspace.read(path, MAX_COMPARED)


def _beside_the_shell(path: str, env: ToolEnv) -> str:
    """Where the shell does not stand in the root: what a relative path was relative to."""
    if path.startswith("/") or env.cwd == str(env.workspace.root):
        return ""
    return f" The path is relative to the project's root; the shell stands in `{env.workspace.relative(env.cwd)}`."


def _told(name: str, data: bytes, old: bytes | None, *, created: bool) -> str:
    lines = data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
    done = "Created" if created else "Replaced"
    text = f"{done} `{name}`: {lines:,} line{'' if lines == 1 else 's'}, {size(len(data))}."
    if old is not None and b"\r\n" in old and b"\r\n" not in data:
        text += " It had CRLF line endings before."
    return text

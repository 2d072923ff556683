"""The tool `read`: text with line numbers, images as images, directories as lists of names.

It changes nothing, and refuses what cannot be read as text by saying what it is and how large.
"""

import asyncio
from dataclasses import dataclass

from forkcli.core.messages import Json, text_block
from forkcli.engine.ports import FileStat, ToolEnv, ToolOutcome
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.filetypes import SNIFFED, binary_kind, image_kind
from forkcli.tools.image import MAX_FILE, image_block
from forkcli.tools.output import size
from forkcli.tools.paths import check_path, missing
from forkcli.tools.scan import COUNTED_BYTES, Lines, lines_of
from forkcli.tools.schema import tool_schema

MAX_NAMES = 1000  # of a directory

PROPERTIES: Json = {
    "path": {"type": "string"},
    "offset": {"type": "integer", "minimum": 1, "default": 1},
    "limit": {"type": "integer", "minimum": 1, "default": 2000},
}


def read_tool() -> "Read":
    """The tool with its description read."""
    return Read(tool_schema("read", PROPERTIES, ["path"]))


@dataclass(frozen=True, slots=True)
class Read(Builtin):
    """Fills the `Tool` port."""

    def only_reads(self, args: Json) -> bool:
        """Always."""
        del args
        return True

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Show what lies at `path`."""
        path = args["path"]
        check_path(path)
        stat = env.workspace.stat(path)
        name = env.workspace.relative(path)
        match stat.kind:
            case "absent":
                raise missing(path, env)
            case "dir":
                return _said(_listing(path, name, env))
            case "other":
                raise ForkError(f"`{name}` is a device, FIFO or socket, not a regular file, and is not read")
        head = env.workspace.read(path, SNIFFED)
        if kind := image_kind(head):
            return await _image(path, name, stat, kind, env)
        if what := binary_kind(head):
            raise _binary(name, stat, what)
        return _said(_text(path, name, stat, args, env))


def _said(text: str) -> ToolOutcome:
    return ToolOutcome((text_block(text),))


def _listing(path: str, name: str, env: ToolEnv) -> str:
    names = env.workspace.listdir(path)
    if not names:
        return f"[`{name}` is an empty directory]"
    more = f"\n[… {len(names) - MAX_NAMES:,} more names]" if len(names) > MAX_NAMES else ""
    count = f"{len(names):,} {'entry' if len(names) == 1 else 'entries'}"
    return f"[`{name}` is a directory, {count}]\n" + "\n".join(names[:MAX_NAMES]) + more


async def _image(path: str, name: str, stat: FileStat, kind: str, env: ToolEnv) -> ToolOutcome:
    if stat.size > MAX_FILE:
        raise ForkError(f"`{name}` is a {kind} image of {size(stat.size)}, more than {size(MAX_FILE)}, and is not read")
    data = env.workspace.read(path, MAX_FILE)
    image = await asyncio.to_thread(image_block, data, name)
    return ToolOutcome((text_block(f"[`{name}`: {image.words}]"), image.block))


def _binary(name: str, stat: FileStat, what: str) -> ForkError:
    hints = {
        "a PDF document": f"try `pdftotext {name} -` in bash",
        "UTF-16 text": f"convert it in bash: `iconv -f UTF-16 -t UTF-8 {name}`",
    }
    hint = hints.get(what, "look into it with bash, e.g. `file`, `xxd` or `strings`")
    return ForkError(f"`{name}` is {what}, {size(stat.size)}, and is not shown as text", hint)


def _text(path: str, name: str, stat: FileStat, args: Json, env: ToolEnv) -> str:
    first, limit = args["offset"], args["limit"]
    found = lines_of(lambda count, at: env.workspace.read(path, count, at), first, limit)
    if found.total == 0:
        return f"[`{name}` is empty{' but for a byte order mark' if found.bom else ''}]"
    if not found.texts:
        count = f"{found.total:,} line{'' if found.total == 1 else 's'}"
        raise ForkError(f"`{name}` has {count}: offset {first} is past its end")
    rows = [f"{number:>6}\t{text}" for number, text in enumerate(found.texts, first)]
    return "\n".join([*rows, *_notes(found, stat)])


def _notes(found: Lines, stat: FileStat) -> list[str]:
    """What the lines alone do not tell, each in brackets on a line of its own."""
    notes: list[str] = []
    if found.total is None:
        bound = f"over {size(COUNTED_BYTES)}" if stat.size < COUNTED_BYTES else size(stat.size)
        notes.append(f"[lines {found.first}-{found.last} of a file of {bound}; go on with offset {found.last + 1}]")
    elif found.last < found.total:
        notes.append(f"[lines {found.first}-{found.last} of {found.total}; go on with offset {found.last + 1}]")
    elif not found.newline_at_end:
        notes.append("[no newline at the end]")
    if found.crlf:
        notes.append("[CRLF line endings]" if found.crlf == found.ended else "[mixed line endings, CRLF and LF]")
    if found.bom:
        notes.append("[starts with a UTF-8 byte order mark]")
    if found.undecodable:
        notes.append("[not all of it is UTF-8: what is not is shown as �]")
    return notes

"""The first message's blocks: where the agent is, what the project says of itself, then the prompt, last."""

from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.entries import Access
from forkcli.core.messages import Block, quoted, text_block

_ACCESS: dict[Access, str] = {
    "read": "read (the project cannot be changed)",
    "write": "write (commands run in the sandbox)",
    "full": "full (commands run without a sandbox)",
}


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """Instructions that the project (or its user) keeps for agents; `text` is None where only the path is told."""

    path: str
    text: str | None
    truncated: bool = False


def access_told(access: Access, *, net: bool) -> str:
    """What an agent may touch, in the words it is told with: these bytes are part of contexts and never change."""
    return f"{_ACCESS[access]}, network {'on' if net or access == 'full' else 'off'}"


def first_blocks(session: str, files: Sequence[ProjectFile], prompt: Sequence[Block]) -> tuple[Block, ...]:
    """`session` is the text that says where the agent is; the instructions follow, the prompt comes last."""
    blocks = [text_block(session)]
    told = [_told(file) for file in files if file.text is not None]
    others = [file.path for file in files if file.text is None]
    if others:
        told.append("More of these, to read before working in their folders: " + ", ".join(map(_named, others)))
    if told:
        blocks.append(text_block("\n".join(told)))
    return (*blocks, *prompt)


def _named(path: str) -> str:
    """A path in running text: whoever named a folder must not speak for anyone."""
    return quoted(path if path.isprintable() else repr(path))


def _told(file: ProjectFile) -> str:
    cut = "\n[cut here; read the file for the rest]" if file.truncated else ""
    return f'<project-file path="{quoted(file.path)}">\n{quoted((file.text or "").strip())}{cut}\n</project-file>'

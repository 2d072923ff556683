"""The project's Markdown as the house tests see it: files, links, headings and code blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from source import ROOT

FENCE = re.compile(r"^(?P<mark>```+)(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(?P<text>.+?)\s*#*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block: its file, line, info string (`python run`) and text."""

    path: Path
    line: int
    info: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def documents() -> tuple[Path, ...]:
    """Every Markdown file that is read by people: at the top, in docs/ and in .github/."""
    return tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]))


def code_blocks(path: Path) -> Iterator[Code]:
    """The fenced blocks of a file, in order."""
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield Code(path, text.count("\n", 0, match.start()) + 1, match["info"].strip(), match["code"])


def prose(path: Path) -> str:
    """A file without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))


def links(path: Path) -> list[str]:
    """The targets of a file's links."""
    return [match["target"] for match in LINK.finditer(prose(path))]


def anchors(path: Path) -> set[str]:
    """The anchors that a file's headings have on the usual forges."""
    headings = (match["text"] for match in HEADING.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

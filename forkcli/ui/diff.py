"""A unified diff as coloured lines with line numbers. It reads the diff and nothing else; a line it cannot place is
shown as it is. Invariant: the sign in front of a line says what its colour says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from forkcli.ui.figures import count
from forkcli.ui.fold import fold, hang
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, Look
from forkcli.ui.sanitize import sanitize

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")
_STYLES = {"+": GOOD, "-": BAD, " ": "", "@": FAINT, "f": STRONG, "?": FAINT}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line. `sign` is `+`, `-`, ` `, `@` (a gap), `f` (a file) or `?`; `number` counts in the new or old file."""

    sign: str
    number: int | None
    text: str


def parse(diff: str) -> Iterator[DiffLine]:
    """The lines of a unified diff, with headers reduced to the files' names."""
    old = new = 0
    in_hunk = False
    for line in diff.replace("\r\n", "\n").rstrip("\n").split("\n"):
        hunk = _HUNK.match(line)
        if hunk:
            old, new, in_hunk = int(hunk[1]), int(hunk[2]), True
            yield DiffLine("@", new, hunk[3].strip())
        elif line.startswith(("diff ", "--- ")) and not (in_hunk and line.startswith("--- ") and not _is_header(line)):
            in_hunk = False
        elif not in_hunk and line.startswith("+++ "):
            yield DiffLine("f", None, _name(line[4:]))
        elif in_hunk and line[:1] in {"+", "-", " ", ""}:
            sign = line[:1] or " "
            yield DiffLine(sign, old if sign == "-" else new, line[1:])
            old += sign != "+"
            new += sign != "-"
        elif line:
            yield DiffLine("?", None, line)


def _is_header(line: str) -> bool:
    return line.startswith(("--- a/", "--- /dev/null"))


def _name(header: str) -> str:
    name = header.split("\t", maxsplit=1)[0]
    return name.removeprefix("b/") if name != "/dev/null" else "deleted"


def counts(diff: str) -> tuple[int, int]:
    """Lines added and removed."""
    signs = [line.sign for line in parse(diff)]
    return signs.count("+"), signs.count("-")


def counts_text(diff: str, look: Look) -> Text:
    """`+3 −1`."""
    added, removed = counts(diff)
    return Text.assemble((f"+{added}", GOOD), " ", (f"{look.minus}{removed}", BAD))


def diff_lines(
    diff: str, look: Look, *, limit: int | None = None, files: bool = True, indent: str = ""
) -> list[RenderableType]:
    """The diff with line numbers; at most `limit` lines, and then how many there are more."""
    lines = [line for line in parse(diff) if files or line.sign != "f"]
    width = len(str(max((line.number or 0 for line in lines), default=0)))
    if lines and lines[0].sign == "@":
        lines = lines[1:]
    shown = lines if limit is None or len(lines) <= limit else lines[: limit - 1]
    out = [_shown(line, width, look, indent) for line in shown]
    if len(shown) < len(lines):
        out.append(Text(f"{indent}{look.more} {count(len(lines) - len(shown), 'more line')}", FAINT))
    return out


def _shown(line: DiffLine, width: int, look: Look, indent: str) -> RenderableType:
    text = sanitize(line.text)
    if line.sign == "@":
        return Text(f"{indent}{look.more:>{width}} {text}".rstrip(), FAINT)
    if line.sign in {"f", "?"}:
        return hang(indent, Text(text, _STYLES[line.sign]))
    sign = look.minus if line.sign == "-" else line.sign
    first = Text.assemble((f"{indent}{line.number:>{width}} ", FAINT), (f"{sign} ", _STYLES[line.sign]))
    return fold(first, Text(text, _STYLES[line.sign]))

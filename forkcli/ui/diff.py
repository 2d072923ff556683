"""A unified diff as coloured lines with line numbers. It reads the diff and nothing else; a line it cannot place is
shown as it is. Invariant: the sign in front of a line says what its colour says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

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


def diff_text(diff: str, look: Look, *, limit: int | None = None, files: bool = True) -> Text:
    """The diff with line numbers; at most `limit` lines, and then how many there are more."""
    lines = [line for line in parse(diff) if files or line.sign != "f"]
    width = len(str(max((line.number or 0 for line in lines), default=0)))
    if lines and lines[0].sign == "@":
        lines = lines[1:]
    shown = lines if limit is None or len(lines) <= limit else lines[: limit - 1]
    out = Text(no_wrap=False, overflow="fold")
    for index, line in enumerate(shown):
        if index:
            out.append("\n")
        _append(out, line, width, look)
    if len(shown) < len(lines):
        out.append(f"\n{look.more} {len(lines) - len(shown):,} more lines", FAINT)
    return out


def _append(out: Text, line: DiffLine, width: int, look: Look) -> None:
    text = sanitize(line.text).replace("\t", "    ")
    if line.sign == "@":
        out.append(f"{look.more:>{width}} {text}".rstrip(), FAINT)
    elif line.sign in {"f", "?"}:
        out.append(text, _STYLES[line.sign])
    else:
        sign = look.minus if line.sign == "-" else line.sign
        out.append(f"{line.number:>{width}} ", FAINT)
        out.append(f"{sign} {text}", _STYLES[line.sign])

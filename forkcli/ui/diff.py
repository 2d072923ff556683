"""A unified diff as coloured lines with line numbers. It reads the diff and nothing else; a line it cannot place is
shown as it is. Invariant: the sign in front of a line says what its colour says."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from forkcli.ui.figures import count
from forkcli.ui.fold import fold, hang
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, Look
from forkcli.ui.sanitize import sanitize

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)")
_CUT = re.compile(r"\n\[… the diff goes on: \+(\d{1,9}) -(\d{1,9})\]\n?\Z")
_SILENT = ("index ", "old mode ", "similarity index ", "dissimilarity index ", "rename to ", "copy ")
_STYLES = {
    "+": GOOD,
    "-": BAD,
    " ": "",
}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line. `sign` is `+`, `-`, ` `, `@` (a gap), `f` (a file) or `?`; `number` counts in the new or old file."""

    sign: str
    number: int | None
    text: str


@dataclass(slots=True)
class _File:
    """What the headers of a file have said so far."""

    name: str = ""
    became: str = ""
    was: str = ""

    def read(self, line: str) -> bool:
        """Take a header in; whether it was one."""
        match line.partition(" "):
            case ("diff", _, rest):
                self.name, self.became, self.was = _name(f"b/{rest.rpartition(' b/')[2]}"), "", ""
            case ("---" | "+++" as side, _, "/dev/null"):
                self.became = "new" if side == "---" else "deleted"
            case ("---" | "+++", _, rest):
                self.name = _name(rest)
            case ("new" | "deleted" as became, _, rest) if rest.startswith("file mode "):
                self.became = became
            case ("new", _, rest) if rest.startswith("mode "):
                self.became = rest
            case ("rename", _, rest) if rest.startswith("from "):
                self.was = rest.removeprefix("from ")
            case _:
                return line.startswith(_SILENT)
        return True

    def given_out(self) -> Iterator["DiffLine"]:
        """The file's line, once."""
        facts = [fact for fact in (self.became, f"was {self.was}" if self.was else "") if fact]
        if self.name:
            yield DiffLine("f", None, f"{self.name} ({', '.join(facts)})" if facts else self.name)
        self.name = self.became = self.was = ""


def _name(header: str) -> str:
    return header.split("\t", maxsplit=1)[0].strip('"').removeprefix("a/").removeprefix("b/")


def parse(diff: str) -> Iterator[DiffLine]:
    """The lines of a unified diff, with each file's headers reduced to its name and what became of it.

    A hunk ends where its own counts say, so that lines that look like headers are content within it and text after it
    is no content.
    """
    old = new = old_left = new_left = 0
    file = _File()
    for line in diff.replace("\r\n", "\n").rstrip("\n").split("\n"):
        if (old_left or new_left) and line[:1] in {"+", "-", " ", ""}:
            sign = line[:1] or " "
            yield DiffLine(sign, old if sign == "-" else new, line[1:])
            old, old_left = old + (sign != "+"), old_left - (sign != "+")
            new, new_left = new + (sign != "-"), new_left - (sign != "-")
            continue
        if line.startswith("diff "):
            yield from file.given_out()
        if hunk := _HUNK.match(line):
            yield from file.given_out()
            old, old_left, new, new_left = (int(hunk[at] or "1") for at in (1, 2, 3, 4))
            yield DiffLine("@", new, hunk[5].strip())
        elif not file.read(line):
            yield from file.given_out()
            yield DiffLine("?", None, line)
    yield from file.given_out()


def counts(diff: str) -> tuple[int, int]:
    """Lines added and removed."""
    signs = [line.sign for line in parse(diff)]
    added, removed = _beyond(diff)
    return signs.count("+") + added, signs.count("-") + removed


def _beyond(diff: str) -> tuple[int, int]:
    """Lines added and removed that a diff which was cut does not hold, by its last line."""
    found = _CUT.search(diff)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def counts_text(diff: str, look: Look) -> Text:
    """`+3 −1`."""
    return _sums(*counts(diff), look)


def _sums(added: int, removed: int, look: Look) -> Text:
    return Text.assemble((f"+{added}", GOOD), " ", (f"{look.minus}{removed}", BAD))


def diff_lines(
    diff: str, look: Look, *, limit: int | None = None, files: bool = True, indent: str = ""
) -> list[RenderableType]:
    """The diff with line numbers; at most `limit` lines, and then how many there are more."""
    lines = _without_first_gaps(line for line in parse(diff) if files or line.sign != "f")
    width = len(str(max((line.number or 0 for line in lines), default=0)))
    shown = lines if limit is None or len(lines) <= limit else lines[: limit - 1]
    sums = _sums_of_files(lines)
    out: list[RenderableType] = []
    for at, line in enumerate(shown):
        if line.sign == "f" and at:
            out.append(Text())
        out.append(_shown(line, width, look, indent) if line.sign != "f" else _file(line, *next(sums), look, indent))
    if len(shown) < len(lines):
        beyond = sum(_beyond(diff))
        left = len(lines) - len(shown) + beyond - (beyond > 0)  # the line that says so does not count
        out.append(Text(f"{indent}{look.more} {count(left, 'more line')}", FAINT))
    return out


def _without_first_gaps(lines: Iterable[DiffLine]) -> list[DiffLine]:
    """Without the gap before the first hunk of all, or of a file where nothing is left out."""
    kept: list[DiffLine] = []
    for line in lines:
        before = kept[-1].sign if kept else ""
        if line.sign == "@" and (not before or (before == "f" and (line.number or 0) <= 1)):
            continue
        kept.append(line)
    return kept


def _sums_of_files(lines: Iterable[DiffLine]) -> Iterator[tuple[int, int]]:
    """Lines added and removed, of each file."""
    sums: list[list[int]] = []
    for line in lines:
        if line.sign == "f":
            sums.append([0, 0])
        elif line.sign in {"+", "-"} and sums:
            sums[-1][line.sign == "-"] += 1
    return ((added, removed) for added, removed in sums)


def _file(head: DiffLine, added: int, removed: int, look: Look, indent: str) -> RenderableType:
    """A file's name with the number of its changes."""
    text = Text(sanitize(head.text), STRONG)
    if added or removed:
        text.append(look.sep, FAINT)
        text.append_text(_sums(added, removed, look))
    return hang(indent, text)


def _shown(line: DiffLine, width: int, look: Look, indent: str) -> RenderableType:
    text = sanitize(line.text)
    if line.sign == "@":
        return Text(f"{indent}{look.more:>{width}} {text}".rstrip(), FAINT)
    if line.sign == "?":
        return hang(indent, Text(text, FAINT))
    sign = look.minus if line.sign == "-" else line.sign
    first = Text.assemble((f"{indent}{line.number:>{width}} ", FAINT), (f"{sign} ", _STYLES[line.sign]))
    return fold(first, Text(text, _STYLES[line.sign]))

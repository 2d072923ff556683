"""Unified diffs for the screen, in bounded time whatever the two texts are. Pure."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MAX_LINES = 400  # of a diff
MAX_CHARS = 500  # of one of its lines
CONTEXT = 3
_COMPARED = 1_000_000  # old lines times new lines, from which a change counts as one whole replacement

_Change = tuple[str, int, int, int, int]  # tag, old from, old to, new from, new to: as difflib's opcodes


def unified(old: str, new: str, name: str, *, created: bool = False) -> str:
    """The diff with `a/name` and `b/name`; empty when nothing changed. Over MAX_LINES, it says what it leaves out."""
    before, after = old.split("\n"), new.split("\n")
    rows: list[str] = []
    beyond = {"+": 0, "-": 0}
    for row in _rows(_dropped_end(before), _dropped_end(after)):
        if len(rows) < MAX_LINES:
            rows.append(row)
        elif row[0] in beyond:
            beyond[row[0]] += 1
    if not rows:
        return ""
    if any(beyond.values()):
        rows.append(f"[… the diff goes on: +{beyond['+']} -{beyond['-']}]")
    return "\n".join(["--- /dev/null" if created else f"--- a/{name}", f"+++ b/{name}", *rows]) + "\n"


def _dropped_end(lines: list[str]) -> list[str]:
    """Without the empty string after a last newline; a text without one says so as diff does."""
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], lines[-1] + "\n\\ No newline at end of file"]


def _rows(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for hunk in _hunks(_changes(before, after), len(before), len(after)):
        yield f"@@ -{_range(hunk[0][1], hunk[-1][2])} +{_range(hunk[0][3], hunk[-1][4])} @@"
        for tag, old_from, old_to, new_from, new_to in hunk:
            if tag == "equal":
                yield from _marked(" ", before[old_from:old_to])
                continue
            yield from _marked("-", before[old_from:old_to])
            yield from _marked("+", after[new_from:new_to])


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        text, *ending = line.split("\n")
        yield mark + (text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…")
        yield from ending


def _range(start: int, end: int) -> str:
    count = end - start
    return f"{start + (1 if count else 0)}" + ("" if count == 1 else f",{count}")


def _changes(before: Sequence[str], after: Sequence[str]) -> list[_Change]:
    """The opcodes that are not `equal`: what both share at either end is set aside first."""
    shortest = min(len(before), len(after))
    head = next((at for at in range(shortest) if before[at] != after[at]), shortest)
    left = shortest - head
    tail = next((at for at in range(left) if before[-1 - at] != after[-1 - at]), left)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old and not new:
        return []
    if len(old) * len(new) > _COMPARED or not old or not new:
        return [("replace", head, head + len(old), head, head + len(new))]
    codes = SequenceMatcher(None, old, new).get_opcodes()
    return [(tag, head + a, head + b, head + c, head + d) for tag, a, b, c, d in codes if tag != "equal"]


def _hunks(changes: Sequence[_Change], old_count: int, new_count: int) -> Iterator[list[_Change]]:
    """Changes with CONTEXT equal lines around them; those nearer than twice that share a hunk."""
    hunk: list[_Change] = []
    for change in changes:
        _, old_from, _, new_from, _ = change
        if hunk:
            between = old_from - hunk[-1][2]
            if between <= 2 * CONTEXT:
                hunk += [("equal", old_from - between, old_from, new_from - between, new_from), change]
                continue
            yield _closed(hunk, old_count, new_count)
        before = min(CONTEXT, old_from)
        hunk = [("equal", old_from - before, old_from, new_from - before, new_from), change]
    if hunk:
        yield _closed(hunk, old_count, new_count)


def _closed(hunk: list[_Change], old_count: int, new_count: int) -> list[_Change]:
    _, _, old_to, _, new_to = hunk[-1]
    after = min(CONTEXT, old_count - old_to, new_count - new_to)
    return [*hunk, ("equal", old_to, old_to + after, new_to, new_to + after)]

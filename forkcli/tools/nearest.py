"""Says why `old_str` was not found: the nearest lines of the file, and what differs there.

Pure but for a clock that bounds its time. It never guesses at an edit; the model corrects itself.
"""

import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

BUDGET_S = 0.25
SHOWN_LINES = 8
_LINES_LOOKED_AT = 50_000  # of the file
_CHARS_KEPT = 2000  # of each of them
_LINES_COMPARED = 200  # of old_str
_CHARS_COMPARED = 300  # of a line
_CHARS_SHOWN = 160
_ALIKE = 0.5  # from which similarity lines are worth showing
_ANCHORS = 3  # lines of old_str that are looked for, the longest first
_ANCHOR_CHARS = 8  # shorter ones tell nothing
_NAMED = 4  # different characters of a line
_SPACES = str.maketrans("", "", " \t\r\v\f")
_NUMBERED = re.compile(r"\s*\d+\t")
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys("\u00a0\u2007\u202f\u2009\u200a\u2002\u2003", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"),
        "…": "...",
    }
)


def why_not_found(text: str, old: str, new: str, budget_s: float = BUDGET_S) -> list[str]:
    """Lines of explanation for a text in which `old` does not stand. Takes at most about `budget_s` seconds."""
    lines = [line[:_CHARS_KEPT] for line in text.replace("\r\n", "\n").split("\n", _LINES_LOOKED_AT)]
    wanted = _without_ends(old.replace("\r\n", "\n").split("\n"))[:_LINES_COMPARED]
    if all(_NUMBERED.match(line) for line in wanted if line.strip()) and any(wanted):
        return ["`old_str` begins with line numbers as `read` shows them: they are not part of the file."]
    for words, same in _ALMOST:
        at = _window(lines, wanted, same)
        if at is not None:
            return _explained(lines, wanted, at, words)
    said = []
    if new.strip() and len(new) > len(old) / 2 and new in text:
        said = [f"`new_str` is there already, on line {text.count(chr(10), 0, text.index(new)) + 1}."]
    at = _most_alike(lines, wanted, time.monotonic() + budget_s)
    return [*said, *(_explained(lines, wanted, at, "") if at is not None else ["No line of the file is like it."])]


def numbered(lines: Sequence[str], first: int) -> list[str]:
    """Lines as `read` shows them, the first with number `first`, long ones cut."""
    return [f"{number:>6}\t{_short(line)}" for number, line in enumerate(lines, first)]


def _squeezed(line: str) -> str:
    return line.translate(_SPACES)


def _unstyled(line: str) -> str:
    return _squeezed(unicodedata.normalize("NFKC", line.translate(_LOOKALIKES)))


def _unescaped(line: str) -> str:
    return _squeezed(line.replace("\\", ""))


_ALMOST: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("only spaces and tabs differ", _squeezed),
    ("characters that look alike differ", _unstyled),
    ("only backslashes differ", _unescaped),
    ("only upper and lower case differ", lambda line: _squeezed(line).casefold()),
)


def _without_ends(lines: list[str]) -> list[str]:
    """Without empty lines at either end, unless there are no others."""
    filled = [at for at, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else lines


def _window(lines: Sequence[str], wanted: Sequence[str], same: Callable[[str], str]) -> int | None:
    """Where the wanted lines stand one after the other when compared by `same`; the ends may be parts of lines."""
    keys = [same(line) for line in wanted]
    if not any(keys):
        return None
    have = [same(line) for line in lines]
    inner = keys[1:-1]
    for at in range(len(have) - len(keys) + 1):
        if len(keys) == 1:
            if keys[0] in have[at]:
                return at
            continue
        last = at + len(keys) - 1
        if have[at].endswith(keys[0]) and have[last].startswith(keys[-1]) and have[at + 1 : last] == inner:
            return at
    return None


def _most_alike(lines: Sequence[str], wanted: Sequence[str], deadline: float) -> int | None:
    """Where the window begins whose line is most like one of the most telling lines of `wanted`; None if none is."""
    long = [len(line.strip()[:_CHARS_COMPARED]) for line in wanted]
    first, *others = sorted(range(len(wanted)), key=lambda at: -long[at])[:_ANCHORS]
    anchors = [first, *(at for at in others if long[at] >= _ANCHOR_CHARS)]
    tried = (_like_one(lines, wanted, anchor, deadline) for anchor in anchors)
    return next((at for at in tried if at is not None), None)


def _like_one(lines: Sequence[str], wanted: Sequence[str], anchor: int, deadline: float) -> int | None:
    """The same for the one line `anchor` of `wanted`."""
    matcher = SequenceMatcher(None, "", wanted[anchor].strip()[:_CHARS_COMPARED], autojunk=False)
    best, found = _ALIKE, None
    for at, line in enumerate(lines):
        if time.monotonic() > deadline:
            break
        matcher.set_seq1(line.strip()[:_CHARS_COMPARED])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, found = ratio, at
    return None if found is None else max(found - anchor, 0)


def _explained(lines: Sequence[str], wanted: Sequence[str], at: int, words: str) -> list[str]:
    there = lines[at : at + len(wanted)]
    offset = max(_first_difference(there, wanted), 0)
    from_line = max(offset - SHOWN_LINES // 2, 0) if len(there) > SHOWN_LINES else 0
    part = there[from_line : from_line + SHOWN_LINES]
    said = [f"Nearest, from line {at + 1}{f' ({words})' if words else ''}:", *numbered(part, at + 1 + from_line)]
    if offset >= len(there):
        return [*said, "The file ends there, `old_str` goes on."]
    here, want = _around_difference(there[offset], wanted[offset])
    if here == want:
        return said
    return [*said, f"Line {at + 1 + offset}: {here}", f"`old_str`: {want}"]


def _first_difference(there: Sequence[str], wanted: Sequence[str]) -> int:
    """Index of the first line that does not hold what is wanted."""
    for at, want in enumerate(wanted):
        if at >= len(there):
            return at
        edge = at in {0, len(wanted) - 1}
        if there[at] != want and not (edge and want in there[at]):
            return at
    return -1


def _around_difference(here: str, want: str) -> tuple[str, str]:
    """Both lines from a little before they part, with what is invisible made visible."""
    shortest = min(len(here), len(want))
    parts_at = next((at for at in range(shortest) if here[at] != want[at]), shortest)
    start = max(parts_at - _CHARS_SHOWN // 2, 0)
    here, want = here[start:][: _CHARS_SHOWN + 1], want[start:][: _CHARS_SHOWN + 1]
    return _visible(here, want), _visible(want, here)


def _visible(text: str, other: str) -> str:
    """Quoted, with what cannot be seen escaped, and the few characters outside ASCII that `other` lacks named."""
    foreign = {char for char in text if not char.isascii() and char not in other}
    named = foreign if len(foreign) <= _NAMED else set()
    shown = "".join(_char(char, named) for char in text[:_CHARS_SHOWN])
    return f'"{shown}"' + ("…" if len(text) > _CHARS_SHOWN else "")


def _char(char: str, named: set[str]) -> str:
    if char == "\t":
        return "\\t"
    if char != " " and (char.isspace() or not char.isprintable()):
        return f"\\u{ord(char):04x}"
    return f"{char}(U+{ord(char):04X})" if char in named else char


def _short(line: str) -> str:
    return line if len(line) <= _CHARS_SHOWN else line[:_CHARS_SHOWN] + " […]"

"""Which known word a mistyped one was meant to be: one letter left out, added or changed, or two swapped. Pure."""

from collections.abc import Iterable

SHORTEST = 3  # letters of a word that can be told to be mistyped


def nearby(word: str, known: Iterable[str]) -> str | None:
    """The first of the known words that is one slip away from `word`; None for one that is known, or like none."""
    words = list(known)
    if word in words or len(word) < SHORTEST:
        return None
    return next((one for one in words if _one_slip(word, one)), None)


def _one_slip(typed: str, meant: str) -> bool:
    same = next(
        (at for at, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant))
    )
    tail, rest = typed[same:], meant[same:]
    changed, left_out, added = tail[1:] == rest[1:], tail == rest[1:], tail[1:] == rest
    swapped = tail[1:2] + tail[:1] + tail[2:] == rest
    return changed or left_out or added or swapped

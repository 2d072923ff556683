"""Tells prompts from subcommands before options are parsed. Pure: it knows option names only by the table it is given.

Invariant: the words it returns are the command line's own, in order; nothing is dropped, and nothing invented but the
value of an option that may stand without one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A command line taken apart: what the options parser reads, and the words that are the prompt."""

    args: tuple[str, ...]
    words: tuple[str, ...] = ()
    verb: str | None = None


def split(
    argv: Sequence[str], verbs: Collection[str], valued: Collection[str], bare: Mapping[str, str] | None = None
) -> Line:
    """Find the subcommand, or gather the prompt's words from among the options.

    `valued` are the options that take the next word as their value, as written (`-m`, `--model`). Those in `bare` take
    one only after `=`, and without it stand for the one that is given there. After `--` every word belongs to the
    prompt, also one that names a subcommand.
    """
    options: list[str] = []
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if word.startswith("-") and word != "-":
            if bare and word in bare:
                options.append(f"{word}={bare[word]}")
                continue
            options.append(word)
            if rest and _wants_value(word, valued):
                options.append(rest.pop(0))
        elif word in verbs and not words:
            return Line((*options, word, *rest), verb=word)
        else:
            words.append(word)
    return Line(tuple(options), tuple(words))


def _wants_value(option: str, valued: Collection[str]) -> bool:
    """Whether the next word is this option's value: `--model`, `-m`, and `-pm` do, `--model=x` and `-mx` do not."""
    if option.startswith("--"):
        return option in valued
    for place, letter in enumerate(option[1:], start=2):
        if f"-{letter}" in valued:
            return place == len(option)
    return False

"""Signs and styles, and what the terminal can show of them. Only the user's own sixteen colours are used.

Colour never carries a meaning alone: each state has a sign or a word of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Colours = Literal["none", "mono", "standard"]  # mono: bold and dim, but no colour

ACCENT = "cyan"
GOOD = "green"
BAD = "red"
WARN = "yellow"
FAINT = "dim"
STRONG = "bold"
USER = "bold cyan"


@dataclass(frozen=True, slots=True)
class Look:
    """The signs of one screen. `spin` are the frames of the sign of something that runs."""

    colours: Colours = "standard"
    good: str = "✓"
    bad: str = "✗"
    stop: str = "■"
    warn: str = "!"
    agent: str = "●"
    user: str = "›"
    steer: str = "↳"
    bar: str = "│"
    wrap: str = "┊"
    dot: str = "·"
    more: str = "…"
    minus: str = "−"
    back: str = "↶"
    right: str = "→"
    spin: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    @property
    def sep(self) -> str:
        """What stands between two facts in one line."""
        return f" {self.dot} "


ASCII = {
    "good": "+", "bad": "x", "stop": "#", "warn": "!", "agent": "*", "user": ">", "steer": "->", "bar": "|",
    "wrap": ":", "dot": "-", "more": "...", "minus": "-",
    "back": "<-", "right": "->", "spin": "|/-\\",
}  # fmt: skip


def look_of(env: Mapping[str, str], encoding: str | None) -> Look:
    """The look for a terminal, from its environment (`TERM`, `NO_COLOR`) and the encoding of its stream."""
    term = env.get("TERM", "")
    colours: Colours = "none" if term in {"dumb", ""} else "mono" if env.get("NO_COLOR") else "standard"
    if term == "linux" or "utf" not in (encoding or "").lower():
        return Look(colours, **ASCII)
    return Look(colours)

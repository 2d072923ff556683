"""What the live board of `/agents` needs of the session behind. Text is raw, as in `ports.py`."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One agent. `depth` is how far below the root it stands; shares are 0 to 1; the cost is in US dollars."""

    agent: str
    state: str  # running, waiting, idle, done, failed, stopped, limit, damaged
    task: str = ""
    kind: str = "fork"  # main, fork, spawn, abandoned
    depth: int = 0
    steps: int = 0
    max_steps: int | None = None
    cost_usd: float | None = None
    cached: float | None = None  # share of its first request that came from the cache
    context_share: float | None = None
    last: str = ""  # what it did last, where the screen has not seen that itself
    here: bool = False  # the screen is on it


@dataclass(frozen=True, slots=True)
class BoardView:
    """All agents, parents before their children."""

    rows: tuple[BoardRow, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """The live board. `view` is asked for some times a second; keys run `/go`, `/stop` and `/diff` with the agent."""

    view: Callable[[], BoardView]

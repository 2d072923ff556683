"""What the screen needs from the rest of fork, and what it can show. Data and protocols only; `app.py` fills them.

Text in these classes is raw: whoever fills them never sanitizes, the screen always does.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from forkcli.core.entries import Entry
from forkcli.ui.fleetview import Board
from forkcli.ui.rewindable import Rewindables, Rewound

Answer = Literal["once", "always", "no"]


@dataclass(frozen=True, slots=True)
class Status:
    """What the status line says; shares are 0 to 1, None where nothing is known yet."""

    agent: str
    model: str
    effort: str | None = None
    context_share: float | None = None
    cache_share: float | None = None
    cost_usd: float | None = None
    sandbox: str = ""  # empty while it is being tried
    access: str = "write"
    net: bool = False
    running: bool = False  # a turn runs, whoever started it
    background_jobs: int = 0
    project: str = ""
    branch: str = ""


# --- what a slash command returns -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lines:
    """Plain text, shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class MarkdownText:
    """Text in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a column whose cells are all numbers is aligned to the right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff."""

    text: str


@dataclass(frozen=True, slots=True)
class Pager:
    """A long text, shown in a full-screen pager with search."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A list to pick from: (key, label, detail) each. The same slash command is run again with the picked key."""

    title: str
    items: tuple[tuple[str, str, str], ...]
    current: str | None = None  # key of the item that is in force now
    about: Diff | None = None  # what is to be decided: shown before the list


@dataclass(frozen=True, slots=True)
class Past:
    """Entries that happened before this screen was there; the screen shows them as if it had been."""

    entries: tuple[Entry, ...]
    agent: str = "main"


@dataclass(frozen=True, slots=True)
class Refill:
    """Text that goes (back) into the input line, and what is said about it."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    """The REPL ends."""


Shown: TypeAlias = (
    Lines | MarkdownText | Table | Diff | Pager | Choice | Past | Refill | Rewindables | Rewound | Board | Quit
)


@dataclass(frozen=True, slots=True)
class Slash:
    """A slash command: `name` without the slash, `args` as help shows them, and what it does with the rest of the line.

    `run` raises ForkError for what a person should read; cancelling it is how Esc stops it.
    """

    name: str
    args: str
    summary: str
    run: Callable[[str], Awaitable[Shown | None]]


@dataclass(frozen=True, slots=True)
class ShellEnd:
    """How a `!` command ended; `output` is its text, or head and tail of it."""

    output: str
    exit_code: int | None  # None: it was killed
    seconds: float


class Question(Protocol):
    """What the user is asked before a command leaves the sandbox: exactly the bytes that will run."""

    @property
    def agent(self) -> str: ...

    @property
    def what(self) -> str:
        """`net`, `unsandboxed` or `shell`."""
        ...

    @property
    def command(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def cwd(self) -> str:
        """Where it will run, empty for the project's root."""
        ...


class Driver(Protocol):
    """The session behind the screen. All calls come from the screen's event loop, `paths` alone from a thread."""

    def status(self) -> Status:
        """Asked for at every redraw: must be cheap."""
        ...

    def slashes(self) -> Sequence[Slash]: ...

    async def turn(self, text: str) -> None:
        """Run a turn to its end; what happens arrives as events. Raises ForkError when it could not begin."""
        ...

    def steer(self, text: str) -> None:
        """Hand a message to the running turn. Raises ForkError when it could not be kept."""
        ...

    def stop(self) -> None:
        """Stop the running step; what is complete is kept. Does nothing when nothing runs."""
        ...

    async def shell(self, command: str, output: Callable[[str], None]) -> ShellEnd:
        """Run a command of the user's, telling its output as it comes; the model is shown it later.

        Cancelling it kills the command.
        """
        ...

    def paths(self, prefix: str) -> list[str]:
        """Paths for `@` completion, best first, directories with a trailing slash."""
        ...

    async def close(self) -> None:
        """End what still runs. Called once, after the terminal has been restored."""
        ...

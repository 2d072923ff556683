"""The port to the files and processes of one agent, whatever keeps them apart. `workspace` fills it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from forkcli.core.entries import Access


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run in the workspace."""

    script: str  # handed to `bash -c`
    cwd: str  # absolute
    timeout_s: float | None = None  # None: until it ends or is stopped
    net: bool = False
    sandboxed: bool = True
    access: Access = "write"
    spool: Path | None = None  # file for the whole output; it is only made when the output outgrows the ring
    spool_at_once: bool = False  # make it at the start and write every byte as it comes (background jobs)


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended. `head` and `tail` are decoded with replacement; `total` counts bytes of stdout and stderr.

    When the output fits the ring, `head` holds all of it and `tail` is empty.
    """

    exit_code: int | None  # None: it was killed
    head: str
    tail: str
    total: int
    spooled: bool  # the spool file holds the output (up to its cap)
    cwd: str | None  # where the shell stood at its end
    timed_out: bool = False
    capped: bool = False  # the output went over the cap and the command was stopped
    seconds: float = 0.0


class RunningCommand(Protocol):
    """A command on its way."""

    async def wait(self) -> CommandEnd:
        """Until its end. Cancelling the wait kills the command and all it started."""
        ...

    def kill(self) -> None:
        """Kill it and all it started."""
        ...


@dataclass(frozen=True, slots=True)
class FileStat:
    """What lies at a path."""

    kind: Literal["file", "dir", "other", "absent"]
    size: int = 0
    mode: int = 0  # permission bits


class Workspace(Protocol):
    """The files and processes of one agent. Paths given to it are relative to the root or absolute beneath a root.

    File methods resolve in the kernel beneath the root (or an added directory): a symbolic link cannot lead out.
    They raise ForkError with a sentence the model can read.
    """

    @property
    def root(self) -> Path:
        """The project's directory, absolute."""
        ...

    @property
    def known(self) -> bool:
        """Whether `sandbox` and `contained` can be told without waiting for the sandbox to be tried."""
        ...

    @property
    def sandbox(self) -> str:
        """How commands are contained, in a word or two: `bubblewrap`, or `none (why)`."""
        ...

    @property
    def contained(self) -> bool:
        """Whether there is a working sandbox."""
        ...

    def relative(self, path: str) -> str:
        """`path` as it is shown: relative to the root where it is beneath it."""
        ...

    def stat(self, path: str) -> FileStat: ...

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """At most `limit` bytes of a regular file, from byte `offset`; fewer only at its end."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, directories with a trailing slash, sorted."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file atomically, keeping the mode of the one it replaces; makes parent directories.

        Refuses `.git`, and `.fork` but for `.fork/notes/`.
        """
        ...

    async def start(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> RunningCommand:
        """Start a command in a fresh shell with no input. Raises ForkError when it cannot be contained as asked."""
        ...

    async def close(self) -> None:
        """End everything that still runs."""
        ...

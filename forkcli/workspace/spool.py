"""The file that holds a command's whole output.

It is made when the output no longer fits the ring, or at once where the caller says so. Invariant: the file holds the
output's first bytes without a gap, at most `limit` of them.
"""

import os
from pathlib import Path

from forkcli.errors import ForkError, Kind
from forkcli.workspace.ring import Ring

SPOOL_BYTES = 64 * 1024 * 1024


class Output:
    """Takes a command's output: head and tail in memory, the whole in a file when it is worth one."""

    def __init__(self, spool: Path | None, *, at_once: bool = False, limit: int = SPOOL_BYTES) -> None:
        self.ring = Ring()
        self.spooled = False
        self._path = spool
        self._limit = limit
        self._fd: int | None = None
        if at_once:
            self._open(b"")

    @property
    def over(self) -> bool:
        """Whether there was more than the limit."""
        return self.ring.total > self._limit

    def add(self, chunk: bytes) -> None:
        """Take the next bytes. Raises ForkError(STORAGE) when they cannot be kept."""
        before = self.ring.total
        earlier = self.ring.head_and_tail()[0] if self.ring.complete else b""
        self.ring.add(chunk)
        if self._fd is None and not self.ring.complete and not self.spooled:
            self._open(earlier)
        if self._fd is not None:
            self._write(chunk[: max(0, self._limit - before)])

    def close(self) -> None:
        """No more will come."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self, earlier: bytes) -> None:
        if self._path is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        self.spooled = True
        self._write(earlier)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and self._fd is not None:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> ForkError:
        return ForkError(
            f"the command's output could not be saved in {self._path}: {error.strerror}", kind=Kind.STORAGE
        )

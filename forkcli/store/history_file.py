"""The append-only file of one history.

It never changes a byte that is there, but for cutting back what a failed write of its own left behind. Lines go out
with one write a batch; with `sync` all that was appended so far is on disk when `append` returns. A tail without a
newline is closed before the next line. Only one process writes a history: the file itself is locked while it is open.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from forkcli.errors import ForkError, Kind
from forkcli.store.files import append_file, append_whole, open_private, read_private, saving, sync_folder
from forkcli.store.lock import claim
from forkcli.store.reading import Damage

MOST_KNOWN = 64 << 20  # bytes of earlier copies that are looked through


class HistoryFile:
    """An open history. After a failed append it takes no more: what is on disk is then not certain."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        """Open the file at `path`, or make it with `new`. Raises ForkError: STORAGE, or that another process has it."""
        self.path = path
        flags = os.O_RDWR | os.O_APPEND
        with saving(path):
            self._fd = open_private(path, flags | os.O_CREAT | os.O_EXCL if new else flags)
        try:
            claim(self._fd, path)
            self._opened(path, new=new)
        except BaseException:
            os.close(self._fd)
            raise
        self._unsynced = True
        self._failed = False

    def _opened(self, path: Path, *, new: bool) -> None:
        with saving(path):
            if new:
                sync_folder(path.parent)
            self._size = os.fstat(self._fd).st_size
            self._open_tail = self._size > 0 and os.pread(self._fd, 1, self._size - 1) != b"\n"

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def append(self, lines: bytes, *, sync: bool) -> None:
        """Append lines whole or not at all; with `sync` everything so far is durable. Raises ForkError(STORAGE)."""
        self._check()
        try:
            with saving(self.path):
                if lines:
                    self._write(lines)
                if sync and self._unsynced:
                    os.fsync(self._fd)
                    self._unsynced = False
        except ForkError:
            self._failed = True
            raise

    def close(self) -> None:
        """Close the file; nothing is lost that was appended."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        if self._open_tail:
            data = b"\n" + data
        append_whole(self._fd, data)
        self._size += len(data)
        self._open_tail = False
        self._unsynced = True

    def _check(self) -> None:
        """The file under the name is still ours to append to: an entry must not go where nobody will read it."""
        if self._failed or self._fd < 0:
            raise ForkError(
                f"`{self.path}` could not be written before, so nothing more is appended to it",
                "go on with `fork -c` once the cause is removed",
                kind=Kind.STORAGE,
            )
        found = os.fstat(self._fd)
        if found.st_nlink == 0 or found.st_size != self._size:
            self._failed = True
            what = "removed or replaced" if found.st_nlink == 0 else "changed"
            raise ForkError(
                f"`{self.path}` was {what} by another program",
                "nothing more is written to it; go on with `fork -c`",
                kind=Kind.STORAGE,
            )


def keep_damaged(path: Path, damage: Sequence[Damage]) -> None:
    """Copy damaged lines of the history at `path` to `history.jsonl.damaged`, each once."""
    copy = path.with_name(path.name + ".damaged")
    try:
        known = set(read_private(copy, MOST_KNOWN).splitlines(keepends=True))
    except OSError:
        known = set()
    lines = [d.raw for d in damage if d.raw and d.raw not in known]
    append_file(copy, b"".join(lines))

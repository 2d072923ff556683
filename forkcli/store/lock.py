"""One process a session: a lock of the kernel's that dies with its process. The pid in the file is only told."""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Self

from forkcli.errors import ForkError
from forkcli.store.files import open_private, saving, storage_error

LOCK = "lock"
_TRIES = 5
_WAIT_S = 0.02  # between tries: whoever asks `is_locked` holds the lock for a moment


class SessionLock:
    """A held lock. It is let go by `release`, at the end of a `with`, or by the process's end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_session(folder: Path) -> SessionLock:
    """Take the lock of a session's folder. Raises ForkError naming the process that holds it."""
    path = folder / LOCK
    with saving(path):
        fd = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        if not _try(fd, path, fcntl.LOCK_EX, _TRIES):
            raise _held(folder.name, _pid(fd))
        with saving(path):
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
    except BaseException:
        os.close(fd)
        raise
    return SessionLock(fd)


def is_locked(folder: Path) -> int | None:
    """The pid of the process that works in this session, 0 if it is not known, None if there is none."""
    try:
        fd = open_private(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try(fd, folder / LOCK, fcntl.LOCK_SH, 1) else _pid(fd)
    finally:
        os.close(fd)


def _try(fd: int, path: Path, kind: int, tries: int) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise storage_error(path, error) from error
            if left:
                time.sleep(_WAIT_S)
        else:
            return True
    return False


def _pid(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _held(session: str, pid: int) -> ForkError:
    who = f"process {pid}" if pid else "another process"
    return ForkError(
        f"session {session} is in use by {who}",
        "wait for it to end, go on with another session (`fork -r SESSION`), or start a new one (`fork`)",
    )

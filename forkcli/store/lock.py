"""Who works where: locks of the kernel's that die with their process. The pid in a file is only told.

One process holds a session: its root agent and all that it starts. A fork that another process began of a session that
is held has a lock of its own, in its folder; that process may write that fork and what it starts, and nothing else.
Besides, each history that is open for writing is locked itself (`claim`), so that no mistake here can make two writers.
"""

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


class HeldError(ForkError):
    """The session, or the agent, is another process's."""


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


def lock_agent(folder: Path) -> SessionLock:
    """Take the lock of a fork that is not the session's holder's. Raises ForkError."""
    return lock_session(folder)


def claim(fd: int, path: Path) -> None:
    """Lock an open history until it is closed. Raises ForkError naming the process that writes it."""
    if not _try(fd, path, fcntl.LOCK_EX, _TRIES):
        raise _writes(path.parent)


def is_locked(folder: Path) -> int | None:
    """The pid of the process that works in this session, 0 if it is not known, None if there is none.

    The holder of the session goes before those that hold only a fork in it.
    """
    pid = _holder(folder)
    return guest(folder) if pid is None else pid


def guest(folder: Path) -> int | None:
    """The same of a process that works in a fork alone, in a session that it does not hold."""
    agents = sorted(path.parent for path in folder.glob(f"agents/*/{LOCK}"))
    return next((pid for one in agents if (pid := _holder(one)) is not None), None)


def _holder(folder: Path) -> int | None:
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


def _held(session: str, pid: int) -> HeldError:
    who = f"process {pid}" if pid else "another process"
    return HeldError(
        f"session {session} is in use by {who}",
        f"go on in a fork of it, which leaves it alone: `fork -r {session} --fork`",
        "or wait for it to end, go on with another session (`fork -r SESSION`), or start a new one (`fork`)",
    )


def _writes(agent: Path) -> HeldError:
    pid = _holder(agent) or _holder(agent.parents[1])
    who = f"process {pid}" if pid and pid != os.getpid() else "another process"
    return HeldError(
        f"{agent.name} of session {agent.parents[1].name} is in use by {who}",
        f"go on in a fork of it: `fork -r {agent.parents[1].name} --agent {agent.name} --fork`",
    )

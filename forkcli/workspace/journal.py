"""The journal of a change to many files: what it will do is on the disk before it does anything.

It holds each path with what is there and what will be, as ids of blobs that are on the disk already; so a process that
was killed half-way leaves enough to finish the change, or to undo it. Invariant: while a journal exists, whoever wants
to change the project's files this way finds it first.
"""

import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from forkcli.errors import ForkError, Kind
from forkcli.workspace.restore_staged import Staged
from forkcli.workspace.snapshots_dir import known_id, replace, sync
from forkcli.workspace.snapshots_read import Delta, Entry

_LOCK_S = 30.0
_PAUSE_S = 0.02
_MOST = 1 << 28  # bytes: a journal of a million paths
_MODES = (0o100644, 0o100755, 0o120000)


@dataclass(frozen=True, slots=True)
class Journal:
    """One change: `what` it is, in words such as "merge of f2", and its paths. `file` is where it is recorded."""

    file: Path
    what: str
    deltas: tuple[Delta, ...]

    def staged(self, number: int, *, undo: bool = False) -> Staged:
        """Where the file of the delta with that number is made ready."""
        return Staged(self._folder, f"{'undo' if undo else 'new'}-{number}")

    def begin(self) -> None:
        """Record it on the disk. Raises OSError."""
        self._folder.mkdir(mode=0o700)
        body = {"version": 1, "what": self.what, "paths": [_as_list(delta) for delta in self.deltas]}
        replace(self.file, json.dumps(body).encode("ascii"))  # names that are no valid text survive as lone surrogates
        sync(self.file.parent)

    def end(self) -> None:
        """It is done, or undone: forget it, for good. Raises OSError."""
        self.file.unlink(missing_ok=True)
        sync(self.file.parent)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self.file.with_suffix("")


def new_journal(folder: Path, what: str, deltas: Sequence[Delta]) -> Journal:
    """A journal that is not recorded yet."""
    return Journal(folder / f"{secrets.token_hex(8)}.json", what, tuple(deltas))


def unfinished(folder: Path) -> bool:
    """Whether a change was left half-way, or is going on."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ForkError(f"`{folder}` cannot be used: {error.strerror}", "move it away", kind=Kind.STORAGE) from error
    return any(name != "lock" and not name.endswith(".damaged") for name in names)


def left_behind(folder: Path) -> list[Journal | Path]:
    """The journals of dead processes, oldest first; the path of one that cannot be read. Called under the lock."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.lstat().st_mtime_ns)
    for stray in folder.iterdir():  # of a journal that was never recorded, or that is gone
        if stray.name.endswith(".tmp") and (stray.is_symlink() or not stray.is_dir()):
            stray.unlink()
        elif stray.is_dir() and not stray.is_symlink() and not stray.with_suffix(".json").exists():
            shutil.rmtree(stray, ignore_errors=True)
    return [_read(path) for path in files]


def _read(path: Path) -> Journal | Path:
    try:
        body = json.loads(_content(path))
        if body["version"] != 1:
            return path
        return Journal(path, str(body["what"]), tuple(_as_delta(item) for item in body["paths"]))
    except (ValueError, LookupError, TypeError, OSError, ForkError, RecursionError):
        return path


def _content(path: Path) -> bytes:
    """What a regular file holds. Raises OSError for anything else, such as a pipe, at which reading would wait."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MOST:
            raise OSError("it is no file that fork has written")
        return file.read()


def _as_list(delta: Delta) -> list[str | int]:
    parts = ((entry.mode, entry.id) if entry else (0, "") for entry in (delta.old, delta.new))
    return [delta.path, *(item for pair in parts for item in pair)]


def _as_delta(item: Sequence[object]) -> Delta:
    path, old_mode, old_id, new_mode, new_id = item
    if not isinstance(path, str):
        raise TypeError
    os.fsencode(path)
    return Delta(path, _as_entry(old_mode, old_id), _as_entry(new_mode, new_id))


def _as_entry(mode: object, object_id: object) -> Entry | None:
    if mode == 0:
        return None
    if not isinstance(mode, int) or mode not in _MODES or not isinstance(object_id, str):
        raise TypeError
    return Entry(mode, known_id(object_id))


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock that everybody takes who changes these files this way; `folder` is that of the journals.

    Raises ForkError when another process holds it for half a minute, or when the folder is not fork's own.
    """
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise ForkError(f"`{folder}` was not made by fork here", "move it away", kind=Kind.STORAGE)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ForkError(f"`{folder}` cannot be used: {error.strerror}", kind=Kind.STORAGE) from error
    try:
        _wait_for(fd)
        yield
    finally:
        os.close(fd)


def _wait_for(fd: int) -> None:
    end = time.monotonic() + _LOCK_S
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > end:
            raise ForkError("another fork is changing the project's files and has not ended", "try again later")
        time.sleep(_PAUSE_S)

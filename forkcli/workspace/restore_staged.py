"""Files made ready in fork's own directory, from where one rename or link brings each to its place.

Staging happens before the first file of the project is changed, so that a full disk is noticed while nothing has
happened yet. Invariant: what is handed to a rename is whole, on the disk, and has its final owner and permissions.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forkcli.workspace.snapshots_read import Entry

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.EMLINK}


class EditedError(Exception):
    """A file is no longer what was looked at a moment ago."""


class Staged:
    """One file in the staging directory."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def write(self, entry: Entry, data: bytes, like: os.stat_result | None) -> None:
        """Make it, with the owner and permissions of `like` where there is one. Raises OSError."""
        with _opened(self._folder) as folder:
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=folder)
            _write(folder, self._name, entry.mode, data, like)

    @contextmanager
    def near(self, parent: int) -> Iterator[tuple[int, str]]:
        """A directory and a name from which it can be renamed into the directory `parent`.

        On another file system it is copied beside its target first, under a name that snapshots ignore.
        """
        with _opened(self._folder) as folder:
            if os.fstat(folder).st_dev == os.fstat(parent).st_dev:
                yield folder, self._name
                return
            temporary = f".fork-{secrets.token_hex(8)}.tmp"
            info = os.stat(self._name, dir_fd=folder, follow_symlinks=False)
            path = self._folder / self._name
            data = os.fsencode(path.readlink()) if stat.S_ISLNK(info.st_mode) else path.read_bytes()
            with _opened(".", parent) as beside:
                try:
                    _write(beside, temporary, info.st_mode, data, info)
                    yield beside, temporary
                finally:
                    with suppress(OSError):
                        os.unlink(temporary, dir_fd=beside)


@contextmanager
def _opened(folder: Path | str, parent: int | None = None) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def _write(folder: int, name: str, mode: int, data: bytes, like: os.stat_result | None) -> None:
    if stat.S_ISLNK(mode):
        os.symlink(data, os.fsencode(name), dir_fd=folder)
        return
    runs = mode & 0o111 != 0
    fd = os.open(name, _WRITE, 0o777 if runs else 0o666, dir_fd=folder)  # less what the user's umask takes away
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        if like is not None:
            with suppress(PermissionError):  # another's file becomes ours, as with any editor
                if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(fd, like.st_uid, like.st_gid)
            os.fchmod(fd, _permissions(stat.S_IMODE(like.st_mode) & 0o777, runs=runs))
        os.fsync(fd)


def _permissions(old: int, *, runs: bool) -> int:
    return old | (old & 0o444) >> 2 | 0o100 if runs else old & ~0o111


def add_file(folder: int, temporary: str, parent: int, name: str) -> None:
    """Move a file to where none is. Raises EditedError if there is one: a link never replaces anything."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError as error:
        raise EditedError(name) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with suppress(FileNotFoundError):  # no links here: look, then rename
            os.stat(name, dir_fd=parent, follow_symlinks=False)
            raise EditedError(name) from error
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=parent)
        return
    os.unlink(temporary, dir_fd=folder)

"""Files made ready in fork's own directory, from where one rename or link brings each to its place.

Staging happens before the first file of the project is changed, so that a full disk is noticed while nothing has
happened yet. Invariant: what is handed to a rename is whole, on the disk, and has its final owner and permissions.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forkcli.workspace.snapshots_read import Entry

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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

        On another mount it is copied beside its target first, under a name that snapshots ignore.
        """
        with _opened(self._folder) as folder:
            if _same_mount(folder, parent):
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
    def aside(self, parent: int) -> Iterator[tuple[int, str] | None]:
        """Where a file of the directory `parent` can be moved aside; None on another mount."""
        with _opened(self._folder) as folder:
            yield (folder, self._name) if _same_mount(folder, parent) else None


def _same_mount(one: int, other: int) -> bool:
    """Whether a file can be renamed from one directory into the other: the kernel refuses that between two mounts of
    one file system as well, as those of a fork's view are."""
    same = os.fstat(one).st_dev == os.fstat(other).st_dev
    return same and _mount_id(one) == _mount_id(other)


def _mount_id(folder: int) -> str:
    """The number of the mount that a directory lies in; empty where the system does not tell."""
    try:
        lines = Path(f"/proc/self/fdinfo/{folder}").read_text("ascii").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("mnt_id:")), "")


@contextmanager
def _opened(folder: Path | str, parent: int | None = None) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
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

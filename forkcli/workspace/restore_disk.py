"""One file of the project, as a snapshot names it: what lies there now, and putting another in its place.

Every directory on the way is opened by itself and never through a symbolic link, so nothing outside the project, and
nothing under another name inside it, is reached. Invariant: a file is replaced or removed only while it is the very
file that was looked at, and at any moment its path holds the old content or the new.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forkcli.errors import ForkError
from forkcli.workspace.beneath import O_PATH
from forkcli.workspace.replacing import refuse_protected
from forkcli.workspace.restore_staged import EditedError, Staged, add_file
from forkcli.workspace.snapshots_dir import SnapshotDir
from forkcli.workspace.snapshots_read import Entry

_FOLDER = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 1 << 20

Stamp = tuple[int, int, int, int, int, int]


class BlockedError(EditedError):
    """A part of a path is no directory."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a path. `entry` is set for a file or a symbolic link that could be read. `stamp` changes when it
    changes. `blocker`: the part of the path that is no directory, where there is one."""

    kind: Literal["absent", "file", "link", "folder", "other"]
    entry: Entry | None = None
    stamp: Stamp | None = None
    blocker: str = ""


class Disk:
    """The files of one project, as they lie beneath `folder`. `close` gives its descriptor back."""

    def __init__(self, where: SnapshotDir, folder: Path) -> None:
        self._where = where
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ForkError(f"{folder} cannot be opened: {error.strerror}") from error
        self.touched: set[str] = set()  # directories whose entries were changed, to be brought onto the disk

    def close(self) -> None:
        """No more is asked."""
        os.close(self._root)

    # --- looking ------------------------------------------------------------------------------------------------

    def look(self, path: str, sizes: frozenset[int]) -> Found:
        """What lies at `path`; a file's content is only read if its size is one of `sizes`, else its id is empty."""
        try:
            with self._parent(path, make=False) as (parent, name):
                return self._look(parent, name, sizes)
        except BlockedError as blocked:
            return Found("absent", blocker=blocked.path)
        except FileNotFoundError:
            return Found("absent")

    def _look(self, parent: int, name: str, sizes: frozenset[int]) -> Found:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        stamp = _stamp(info)
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(os.readlink(name, dir_fd=parent))
            hashed = self._where.hashed(len(target))
            hashed.update(target)
            return Found("link", Entry(0o120000, hashed.hexdigest()), stamp)
        if stat.S_ISDIR(info.st_mode):
            return Found("folder")
        if not stat.S_ISREG(info.st_mode):
            return Found("other")
        mode = 0o100755 if info.st_mode & 0o100 else 0o100644
        object_id = self._content_id(parent, name, stamp) if info.st_size in sizes else ""
        return Found("file", Entry(mode, object_id), stamp)

    def _content_id(self, parent: int, name: str, stamp: Stamp) -> str:
        try:
            fd = os.open(name, _READ, dir_fd=parent)
        except PermissionError:
            return ""
        try:
            info = os.fstat(fd)
            hashed = self._where.hashed(info.st_size)
            left = info.st_size
            while left > 0 and (chunk := os.read(fd, min(left, _CHUNK))):
                hashed.update(chunk)
                left -= len(chunk)
            same = _stamp(os.fstat(fd)) == stamp and not left
            return hashed.hexdigest() if same else ""  # it is being written to
        finally:
            os.close(fd)

    def beneath(self, path: str) -> Iterator[str]:
        """All that lies in the directory `path` at any depth but directories themselves. Links are not followed."""
        try:
            with self._parent(path, make=False) as (parent, name):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(name, flags, dir_fd=parent)
        except (OSError, BlockedError):
            yield path  # what cannot be looked into holds something
            return
        try:
            with os.scandir(fd) as items:
                found = [(item.name, item.is_dir(follow_symlinks=False)) for item in items]
        finally:
            os.close(fd)
        for name, is_folder in found:
            if is_folder:
                yield from self.beneath(f"{path}/{name}")
            else:
                yield f"{path}/{name}"

    # --- changing -----------------------------------------------------------------------------------------------

    def put(self, path: str, staged: Staged, expect: Stamp | None) -> None:
        """Move a staged file to `path`: over the file with that stamp, or where nothing is if it is None.

        Raises EditedError or OSError when something else lies there; nothing is replaced then.
        """
        with self._parent(path, make=expect is None) as (parent, name), staged.near(parent) as (folder, temporary):
            if expect is None:
                add_file(folder, temporary, parent, name)
            else:
                _expect(parent, name, expect)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=parent)
        self.touched.add(path.rpartition("/")[0])

    def remove(self, path: str, expect: Stamp) -> None:
        """Remove the file with that stamp, and the directories that are empty without it. Raises EditedError."""
        with self._parent(path, make=False) as (parent, name):
            _expect(parent, name, expect)
            os.unlink(name, dir_fd=parent)
        folder = path.rpartition("/")[0]
        while folder:
            try:
                with self._parent(folder, make=False) as (parent, name):
                    os.rmdir(name, dir_fd=parent)
            except OSError:
                break  # something else is in it
            folder = folder.rpartition("/")[0]
        self.touched.add(folder)

    def clear_folder(self, path: str) -> None:
        """Remove a directory that holds nothing but empty directories. Raises EditedError if it holds more."""
        try:
            with self._parent(path, make=False) as (parent, name):
                _remove_empty(parent, name)
        except (FileNotFoundError, NotADirectoryError, BlockedError):
            return
        except OSError as error:
            raise EditedError(path) from error

    def sync(self) -> None:
        """Bring the changes of all touched directories onto the disk."""
        for folder in sorted(self.touched):
            with suppress(OSError, BlockedError):  # gone by now: then the one above was touched too
                with self._parent(f"{folder}/." if folder else ".", make=False) as (parent, _):
                    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
        self.touched.clear()

    def likeness(self, path: str) -> os.stat_result | None:
        """The owner and permissions of the file at `path`, None where there is none."""
        try:
            with self._parent(path, make=False) as (parent, name):
                info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (OSError, BlockedError):
            return None
        return info if stat.S_ISREG(info.st_mode) else None

    @contextmanager
    def _parent(self, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
        """A descriptor of the directory that holds `path`, and the last part. Raises BlockedError, OSError."""
        *folders, name = path.split("/")
        current = os.dup(self._root)
        try:
            for depth, part in enumerate(folders):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=current)
                        self.touched.add("/".join(folders[:depth]))
                try:
                    following = os.open(part, _FOLDER, dir_fd=current)
                except OSError as error:
                    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                        raise BlockedError("/".join(folders[: depth + 1])) from error
                    raise
                os.close(current)
                current = following
            yield current, name
        finally:
            os.close(current)


def refuse_foreign_path(path: str) -> None:
    """Raise ForkError for a path that no snapshot of ours holds: one in `.git` or `.fork`, or that leads elsewhere."""
    parts = path.split("/")
    if not path or "" in parts or "." in parts or ".." in parts:
        raise ForkError(f"{path[:200]} is no path of a file in the project")
    if parts[0] == ".fork":
        raise ForkError(f"{path[:200]} is fork's own record and is not written")
    refuse_protected(parts, path)


def _stamp(info: os.stat_result) -> Stamp:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_mode


def _expect(parent: int, name: str, expect: Stamp) -> None:
    try:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError as error:
        raise EditedError(name) from error
    if _stamp(info) != expect:
        raise EditedError(name)


def _remove_empty(parent: int, name: str) -> None:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        with os.scandir(fd) as items:
            inner = [item.name for item in items]
        for one in inner:
            _remove_empty(fd, one)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)

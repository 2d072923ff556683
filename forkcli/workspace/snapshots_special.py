"""Finds what git does not list and no snapshot holds: named pipes, sockets and devices among the project's files.

It looks into the directories that hold files of the snapshot and into those that hold none but are not ignored; it
opens no file. Invariant: a directory is only read again when it has changed, and none is read through a link.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.snapshots_scan import Excluded

_MOST_LOOSE = 10_000  # directories without a held file that are looked into
_RECENT_NS = 2_000_000_000  # a directory that was changed this lately may change again within the clock's tick
_READ_BY_GIT = (b".gitignore", b".gitattributes")
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True, slots=True)
class _Folder:
    stamp: int
    folders: tuple[bytes, ...]
    special: tuple[tuple[bytes, str], ...]


class Special:
    """Remembers the directories of one work tree."""

    def __init__(self) -> None:
        self._folders: dict[bytes, _Folder] = {}

    def find(
        self, tree: Path, held: Iterable[bytes], ignored: Callable[[list[bytes]], set[bytes]], now_ns: int
    ) -> list[Excluded]:
        """The special files. `held`: the directories that hold files of the snapshot, `b""` for the top.

        `ignored` tells which of some paths are ignored.
        """
        root = os.fsencode(tree)
        known = {b"", *held}
        todo, found, fresh, loose = sorted(known), dict[bytes, str](), dict[bytes, _Folder](), 0
        while todo:
            unheld: list[bytes] = []
            for path in todo:
                above = path.rpartition(b"/")[0]
                folder = self._read(root, path, now_ns) if not path or above in fresh else None
                if folder is None:
                    continue
                fresh[path] = folder
                found |= folder.special
                unheld += [name for name in folder.folders if name not in known]
            known.update(unheld)
            loose += len(unheld)
            unheld = [] if loose > _MOST_LOOSE else unheld
            hidden = ignored(unheld) if unheld else set()
            todo = [name for name in unheld if name not in hidden and not _has_git(root, name)]
        self._folders = fresh
        hidden = ignored(list(found)) if found else set()
        return [Excluded(os.fsdecode(name), found[name]) for name in sorted(found) if name not in hidden]

    def refuse_traps(self, tree: Path) -> None:
        """Raise ForkError for a pipe in the place of a file that git opens by itself: it would wait there for ever."""
        root = os.fsencode(tree)
        for folder in {b"", *self._folders}:
            for name in _READ_BY_GIT:
                path = b"/".join((root, folder, name))
                try:
                    mode = os.lstat(path).st_mode
                except OSError:
                    continue
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
                    shown = os.fsdecode(folder + b"/" + name if folder else name)
                    raise ForkError(f"{shown} is not a regular file, and git cannot get past it", "remove it")

    def _read(self, root: bytes, path: bytes, now_ns: int) -> _Folder | None:
        full = root + b"/" + path
        try:
            info = os.lstat(full)
            if path and not stat.S_ISDIR(info.st_mode):
                return None  # a link took its place: what it leads to is not the project's
            stamp = info.st_mtime_ns
            old = self._folders.get(path)
            if old is not None and old.stamp == stamp:
                return old
            return self._scan(full, path, stamp if stamp < now_ns - _RECENT_NS else -1)
        except OSError:
            return None  # gone meanwhile, or unreadable, which git has said

    def _scan(self, full: bytes, path: bytes, stamp: int) -> _Folder:
        folders: list[bytes] = []
        special: list[tuple[bytes, str]] = []
        prefix = path + b"/" if path else b""
        with os.scandir(full) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != b".git" and not (not path and entry.name == b".fork"):
                        folders.append(prefix + entry.name)
                else:
                    mode = entry.stat(follow_symlinks=False).st_mode
                    special.append((prefix + entry.name, _KINDS.get(stat.S_IFMT(mode), "a device")))
        return _Folder(stamp, tuple(folders), tuple(special))


def _has_git(root: bytes, path: bytes) -> bool:
    return os.path.lexists(b"/".join((root, path, b".git")))

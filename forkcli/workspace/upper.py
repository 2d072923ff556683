"""What an overlay's upper directory says: which paths a fork has changed, without a look at the project.

It reads names and kinds, no contents, and changes nothing. Invariant: every path that looks different in the fork lies
at or beneath a path that is reported; a fork that changed nothing costs one directory listing.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forkcli.errors import ForkError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_FILES = frozenset({b".git", b".fork"})  # at the top: the fork's own git data, and fork's record
_DEEPEST = 400
_OPAQUE, _WHITEOUT = "user.overlay.opaque", "user.overlay.whiteout"

What = Literal["written", "gone", "emptied", "unreadable"]


@dataclass(frozen=True, slots=True)
class Touched:
    """A path that a fork changed, relative to the root, in the file system's own bytes.

    `written`: there is a file or link there now, perhaps with its old content (in the place of a directory, perhaps).
    `gone`: nothing is there any more. `emptied`: a directory of which nothing is left that is not reported as
    well, or that took the place of a file. `unreadable`: a directory that fork may not look into.
    """

    path: bytes
    what: What


def touched(upper: Path, *, all_names: bool = False) -> Iterator[Touched]:
    """What lies in an upper directory, parents first; without `.git` and `.fork` at the top unless `all_names`.

    Raises ForkError for directories nested without end, or that cannot be read at all.
    """
    try:
        top = os.open(upper, _DIRECTORY)
    except OSError as error:
        raise ForkError(f"{upper} cannot be read: {error.strerror}") from error
    try:
        yield from _beneath(top, b"", frozenset() if all_names else _NOT_FILES, 0)
    finally:
        os.close(top)


def _beneath(folder: int, prefix: bytes, skipped: frozenset[bytes], depth: int) -> Iterator[Touched]:
    if depth > _DEEPEST:
        raise ForkError(f"the fork made directories that are nested more than {_DEEPEST} deep")
    if depth and _has(folder, _OPAQUE):
        yield Touched(prefix.rstrip(b"/"), "emptied")
    with os.scandir(folder) as entries:
        names = sorted(os.fsencode(entry.name) for entry in entries)
    for name in names:
        if name in skipped:
            continue
        path = prefix + name
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            yield Touched(path, "gone" if _is_whiteout(folder, name, info) else "written")
            continue
        try:
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
        except PermissionError:
            yield Touched(path, "unreadable")
            continue
        try:
            yield from _beneath(inner, path + b"/", frozenset(), depth + 1)
        finally:
            os.close(inner)


def _is_whiteout(folder: int, name: bytes, info: os.stat_result) -> bool:
    """Whether it stands for a deletion: a device with number 0, or an empty file that is marked as one."""
    if stat.S_ISCHR(info.st_mode):
        return info.st_rdev == 0
    if not stat.S_ISREG(info.st_mode) or info.st_size:
        return False
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        return _has(fd, _WHITEOUT)
    finally:
        os.close(fd)


def _has(fd: int, name: str) -> bool:
    try:
        return os.getxattr(fd, name) in {b"y", b"x"} or name == _WHITEOUT
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP, errno.EPERM}:
            return False
        raise

"""What a checkout of a snapshot lacks of the files that it was taken from: ignored files, caches, installed packages.

It compares names, copies what is small, and lists the directories, so that they can be shown in another way. It follows
no link and opens nothing but regular files and directories. Invariant: nothing in the parent's files is written.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOURCE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MIB = 1024 * 1024
_LARGEST = 8 * _MIB
_DEEPEST = 200
_MADE_AGAIN = frozenset({"__pycache__"})  # whoever needs one makes it


@dataclass(slots=True)
class Leftover:
    """What is not in the checkout, as paths relative to its top: directories, and what was not copied."""

    dirs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    room: int = 64 * _MIB  # how much may still be copied


def bring_leftover(source: Path, checkout: Path) -> Leftover:
    """Copy small files that `source` has and `checkout` lacks; say what else it lacks.

    Raises OSError when one of the two cannot be read or written at all.
    """
    found = Leftover()
    with _opened(source) as have, _opened(checkout) as got:
        _compare(have, got, "", found)
    return found


def _compare(have: int, got: int, prefix: str, found: Leftover) -> None:
    there = {entry.name for entry in _entries(got)}
    for entry in _entries(have):
        path = prefix + entry.name
        if not prefix and entry.name in {".git", ".fork"}:
            continue
        if entry.name in there:
            if entry.is_dir(follow_symlinks=False):
                with suppress(OSError), _opened(entry.name, have) as inner, _opened(entry.name, got) as same:
                    if path.count("/") < _DEEPEST:
                        _compare(inner, same, f"{path}/", found)
        elif entry.is_dir(follow_symlinks=False):
            if entry.name not in _MADE_AGAIN:
                found.dirs.append(path)
        elif not copy_entry(have, got, entry.name, found):
            found.missing.append(path)


def copy_entry(have: int, got: int, name: str, found: Leftover) -> bool:
    """Copy one file or link from one directory to another; False for what is special, unreadable or too large."""
    try:
        info = os.stat(name, dir_fd=have, follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(name, dir_fd=have), name, dir_fd=got)
            return True
        if not stat.S_ISREG(info.st_mode) or info.st_size > min(_LARGEST, found.room):
            return False
        fd = os.open(name, _SOURCE, dir_fd=have)
    except FileNotFoundError:
        return True  # removed meanwhile
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.ELOOP}:
            return False
        raise
    with os.fdopen(fd, "rb") as file, os.fdopen(os.open(name, _NEW, 0o600, dir_fd=got), "wb") as copy:
        data = file.read(_LARGEST + 1)
        copy.write(data)
        os.fchmod(copy.fileno(), stat.S_IMODE(info.st_mode) & 0o777)
        os.utime(copy.fileno(), ns=(info.st_atime_ns, info.st_mtime_ns))
    found.room -= len(data)
    return True


def copy_mutable_git(source: Path, upper: Path) -> None:
    """Copy of a git directory what git replaces (HEAD, index, refs, settings) into an overlay's upper directory.

    Objects are not copied: git only adds them. What is copied hides the parent's, which go on changing. Raises OSError.
    """
    found = Leftover()
    with _opened(source) as have, _opened(upper) as got:
        _copy_below(have, got, frozenset({"objects", "lfs", "annex", "modules"}), found)


def copy_git(source: Path, target: Path) -> bool:
    """Copy a whole git directory into an empty one; False when it is too large for that. Raises OSError."""
    found = Leftover()
    with _opened(source) as have, _opened(target) as got:
        _copy_below(have, got, frozenset(), found)
    return not found.missing


def _copy_below(have: int, got: int, skipped: frozenset[str], found: Leftover, depth: int = 0) -> None:
    there = {entry.name for entry in _entries(got)}
    for entry in _entries(have):
        if (not depth and entry.name in skipped) or entry.name in there or entry.name.endswith(".lock"):
            continue
        if not entry.is_dir(follow_symlinks=False):
            if not copy_entry(have, got, entry.name, found):
                found.missing.append(entry.name)
        elif depth < _DEEPEST:
            os.mkdir(entry.name, 0o777, dir_fd=got)
            with _opened(entry.name, have) as inner, _opened(entry.name, got) as same:
                if skipped:  # for an overlay: what the parent adds later stays unseen
                    os.setxattr(same, "user.overlay.opaque", b"y")
                _copy_below(inner, same, skipped, found, depth + 1)


def _entries(fd: int) -> list["os.DirEntry[str]"]:
    with os.scandir(fd) as entries:
        return sorted(entries, key=lambda entry: entry.name)


@contextmanager
def _opened(path: Path | str, folder: int | None = None) -> Iterator[int]:
    fd = os.open(path, _DIRECTORY, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)

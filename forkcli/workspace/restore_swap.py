"""Adding, replacing and removing one file only if it is what was looked at before, with no moment in between.

A rename cannot be told what it may replace. So a new file is linked, which never replaces; a changed one trades places
with the old one in a single step, and a removed one is moved aside: then what came out is looked at, and goes back if
it is not what was expected. Invariant: what somebody else wrote to the path last is not lost.
"""

import ctypes
import errno
import os
from contextlib import suppress
from functools import cache

_EXCHANGE = 2
_TRIES = 100
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.EMLINK}
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}

# device, inode, size, modification, mode, change: the last of a file that is renamed moves on, all others stay
Stamp = tuple[int, int, int, int, int, int]


class EditedError(Exception):
    """A file is no longer what was looked at a moment ago."""


def stamp_of(info: os.stat_result) -> Stamp:
    """What changes when a file does."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_mode, info.st_ctime_ns


def add_file(folder: int, temporary: str, parent: int, name: str) -> None:
    """Move a file to where none is. Raises EditedError if there is one."""
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


def replace_file(folder: int, temporary: str, parent: int, name: str, expected: Stamp) -> None:
    """Move a file over the one with that stamp. Raises EditedError if that is not what lies there."""
    _expect(parent, name, expected)
    trade(folder, temporary, parent, name, expected)


def trade(folder: int, temporary: str, parent: int, name: str, expected: Stamp) -> None:
    """What `replace_file` does after it has looked for the first time."""
    ours = os.stat(temporary, dir_fd=folder, follow_symlinks=False).st_ino
    if not _exchange(folder, temporary, parent, name):
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=parent)  # not to be had here: a moment stays open
        return
    came_out = stamp_of(os.stat(temporary, dir_fd=folder, follow_symlinks=False))
    if came_out[:-1] != expected[:-1]:
        for _ in range(_TRIES):  # if yet another file came in between, that is the one to stay
            _exchange(folder, temporary, parent, name)
            if os.stat(temporary, dir_fd=folder, follow_symlinks=False).st_ino == ours:
                break
        raise EditedError(name)
    os.unlink(temporary, dir_fd=folder)


def remove_file(aside: tuple[int, str] | None, parent: int, name: str, expected: Stamp) -> None:
    """Remove the file with that stamp, by way of `aside` if given. Raises EditedError if that does not lie there."""
    _expect(parent, name, expected)
    if aside is None:
        os.unlink(name, dir_fd=parent)
    else:
        take_out(aside, parent, name, expected)


def take_out(aside: tuple[int, str], parent: int, name: str, expected: Stamp) -> None:
    """What `remove_file` does after it has looked for the first time."""
    folder, temporary = aside
    os.rename(name, temporary, src_dir_fd=parent, dst_dir_fd=folder)
    came_out = stamp_of(os.stat(temporary, dir_fd=folder, follow_symlinks=False))
    if came_out[:-1] != expected[:-1]:
        with suppress(EditedError):  # a still newer one is there by now, and replaces it as it would have
            add_file(folder, temporary, parent, name)
        raise EditedError(name)
    os.unlink(temporary, dir_fd=folder)


def _expect(parent: int, name: str, expected: Stamp) -> None:
    try:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError as error:
        raise EditedError(name) from error
    if stamp_of(info) != expected:
        raise EditedError(name)


@cache
def _renameat2() -> "ctypes._NamedFuncPointer | None":
    function: ctypes._NamedFuncPointer | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return function


def _exchange(folder: int, temporary: str, parent: int, name: str) -> bool:
    """Let two files trade places; False where the system cannot. Raises OSError."""
    function = _renameat2()
    if function is None:
        return False
    names = ctypes.c_char_p(os.fsencode(temporary)), ctypes.c_char_p(os.fsencode(name))
    if function(ctypes.c_int(folder), names[0], ctypes.c_int(parent), names[1], ctypes.c_uint(_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    if code == errno.ENOENT:
        raise EditedError(name)
    raise OSError(code, os.strerror(code), name)

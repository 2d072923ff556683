"""Open a path beneath a directory so that neither `..` nor a symbolic link can lead out of it.

The kernel resolves (openat2, RESOLVE_BENEATH); where it cannot, each component is opened by itself without following
links, and links are followed by hand within the directory. It never resolves a path by name first and opens it later.
Invariant: a descriptor that is returned refers to something that lay beneath the directory when it was opened.
"""

import ctypes
import errno
import os
import struct
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_BENEATH = 0x02, 0x08
_MAX_LINKS = 40
_RETRIES = 64  # the kernel says EAGAIN when something was renamed meanwhile
O_PATH: int = getattr(os, "O_PATH", os.O_RDONLY)  # Linux only; elsewhere the nearest thing
_DIRECTORY = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_beneath(base: int, path: str, flags: int) -> int:
    """A new descriptor for `path` relative to the directory `base`. No file is created.

    Raises OSError: EXDEV where the path leads out, ENOENT, ENOTDIR, ELOOP, EACCES as open does.
    """
    raw = os.fsencode(path)
    if b"\0" in raw:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    if openat2_works():
        return _openat2(base, raw, flags)
    return walk_beneath(base, raw, flags)


@cache
def openat2_works() -> bool:
    """Whether the kernel has openat2 and lets this process call it (Linux 5.6; old container filters refuse it)."""
    if not sys.platform.startswith("linux"):
        return False
    root = os.open("/", _DIRECTORY)
    try:
        os.close(_openat2(root, b".", _DIRECTORY))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


@cache
def _syscall() -> "ctypes._NamedFuncPointer":
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function


def _openat2(base: int, path: bytes, flags: int) -> int:
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    code = errno.EAGAIN
    for _ in range(_RETRIES):
        fd: int = _syscall()(
            ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(base), ctypes.c_char_p(path), how, ctypes.c_size_t(len(how))
        )
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code not in {errno.EAGAIN, errno.EINTR}:
            break
    raise OSError(code, os.strerror(code), os.fsdecode(path))


def walk_beneath(base: int, path: bytes, flags: int) -> int:
    """What `open_beneath` does, one component at a time."""
    if path.startswith(b"/"):
        raise _leads_out(path)
    todo = _steps(path)
    stack = [os.dup(base)]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == b".":
                continue  # what came before it was opened as a directory
            if part == b"..":
                os.close(stack.pop())
                if not stack:
                    raise _leads_out(path)
                continue
            target = _link(stack[-1], part) if todo or not flags & os.O_NOFOLLOW else None
            if target is None:
                if not todo:
                    return os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1])
                stack.append(os.open(part, _DIRECTORY, dir_fd=stack[-1]))
                continue
            links += 1
            if target.startswith(b"/") or links > _MAX_LINKS:
                raise _leads_out(path) if links <= _MAX_LINKS else OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            todo += _steps(target)
        return os.open(b".", flags | os.O_CLOEXEC, dir_fd=stack[-1])
    finally:
        for fd in stack:
            os.close(fd)


def _steps(path: bytes) -> list[bytes]:
    """The components, last one first. A `.` or a slash at the end stays as a `.`: before it stands a directory."""
    parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
    ends_in_directory = path.endswith((b"/", b"/."))
    return [*([b"."] if ends_in_directory and parts else []), *reversed(parts)]


def _link(directory: int, name: bytes) -> bytes | None:
    """Where a symbolic link points, None for anything else (what is absent included)."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.ENOENT}:
            return None
        raise


def _leads_out(path: bytes) -> OSError:
    return OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fsdecode(path))


def real_path(fd: int) -> str:
    """The path by which the kernel knows an open file or directory now."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return str(Path(f"/proc/self/fd/{fd}").readlink())


def make_directories(base: int, path: str) -> int:
    """The directory `path` beneath `base`, made with its parents where it is missing; an O_PATH descriptor.

    A component that is a symbolic link to a directory beneath is followed. Raises OSError like `open_beneath`.
    """
    current = os.open(".", _DIRECTORY, dir_fd=base)
    done = ""
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        done = f"{done}/{part}" if done else part
        if part != "..":
            _make(current, part)
        following = open_beneath(base, done, O_PATH | os.O_DIRECTORY)
        os.close(current)
        current = following
    return current


def _make(directory: int, name: str) -> None:
    with suppress(FileExistsError):  # a directory, or a link to one: opening it tells
        os.mkdir(name, dir_fd=directory)

"""The program of a holder process: it makes an agent's namespaces and then waits for the end of its input.

Run by path with a bare interpreter; it imports nothing of fork's, and of the standard library only what loads at once,
since every fork waits for it. Arguments: the mount point of the agent's own /tmp
(empty: none), the program that waits, and what else is mounted: words for a step, the first of which is its name and
the others absolute paths. It prints `ready` or one line saying what failed. Every id means the same inside as outside,
so that owners of files look alike on both sides. Invariant: when the process that started it is gone, its input ends,
and so does it.
"""

import ctypes
import errno
import fcntl
import os
import struct
import sys
from collections.abc import Callable

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_AF_INET, _SOCK_DGRAM, _SIOCSIFFLAGS, _IFF_UP_RUNNING = 2, 2, 0x8914, 0x41
_RDONLY, _NOSUID_NODEV, _BIND, _RECURSIVE, _PRIVATE = 1, 2 | 4, 4096, 16384, 1 << 18
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = 442, -100, 0x8000, 1  # the same numbers everywhere
_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_IDS = ("uid", "gid")
SCRATCH_OPTIONS = b"mode=0755,size=2g"
SCRATCH_PARTS = ("tmp", "var-tmp")
_EMPTY = b"mode=0555,size=4k"


class _Kernel:
    """The system calls that Python has no names for."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def unshare(self) -> None:
        self._checked("unshare", self._libc.unshare(_NEWUSER | _NEWNS | _NEWNET))

    def datagram_socket(self) -> int:
        descriptor = int(self._libc.socket(_AF_INET, _SOCK_DGRAM, 0))
        self._checked("socket", min(descriptor, 0))
        return descriptor

    def mount(self, source: bytes, target: str, kind: bytes, flags: int, options: bytes = b"") -> None:
        told = f"mount {kind.decode() or 'bind'} on {target}"
        self._checked(told, self._libc.mount(source, os.fsencode(target), kind or None, flags, options or None))

    def make_read_only(self, target: str) -> None:
        change = struct.pack("=QQQQ", _ATTR_RDONLY, 0, 0, 0)
        arguments = (ctypes.c_long(_MOUNT_SETATTR), _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, change)
        result = self._libc.syscall(*arguments, ctypes.c_size_t(len(change)))
        self._checked(f"make {target} read-only", result)

    def _checked(self, told: str, result: int) -> None:
        if result != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{told}: {os.strerror(code)}")


def _namespaces(kernel: _Kernel) -> None:
    """New namespaces. Root may map every id, but only from outside: a child that stays there writes the maps."""
    own = [f"{number} {number} 1\n" for number in (os.geteuid(), os.getegid())]
    maps = [_same_ids(name) for name in _IDS] if os.geteuid() == 0 else []
    waits, ready = os.pipe()
    me = os.getpid()
    writer = os.fork() if maps else 0
    if maps and writer == 0:
        os.close(ready)
        os.read(waits, 1)
        os._exit(_write_maps(me, maps))
    kernel.unshare()
    os.close(ready)
    os.close(waits)
    if not maps or os.waitpid(writer, 0)[1] != 0:
        _write("/proc/self/setgroups", "deny")
        if _write_maps(me, own) != 0:
            raise PermissionError(errno.EPERM, "user namespaces are forbidden here")


def _same_ids(name: str) -> str:
    """A map under which every id of this namespace stays what it is."""
    lines = [line.split() for line in _read(f"/proc/self/{name}_map").splitlines()]
    return "".join(f"{first} {first} {count}\n" for first, _, count in lines)


def _write_maps(pid: int, maps: list[str]) -> int:
    try:
        for name, text in zip(_IDS, maps, strict=True):
            _write(f"/proc/{pid}/{name}_map", text)
    except OSError:
        return 1
    return 0


def _read(path: str) -> str:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16).decode("ascii")
    finally:
        os.close(file)


def _write(path: str, text: str) -> None:
    """Write to a file of the kernel's, which takes the text at once or not at all."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode("ascii"))
    finally:
        os.close(file)


def _loopback_up(kernel: _Kernel) -> None:
    any_socket = kernel.datagram_socket()
    fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP_RUNNING))
    os.close(any_socket)


class _Mounter:
    """Carries the steps out. Their paths are opened before anything is mounted, so that none is seen through a mount.

    A layer is named to the kernel by its descriptor: no character in a path can then end it, or an option.
    """

    def __init__(self, kernel: _Kernel, steps: list[list[str]]) -> None:
        self._kernel = kernel
        self._steps = steps
        self._fds = {path: os.open(path, _PLACE) for step in steps for path in step[1:]}

    def run(self) -> None:
        if self._steps:
            self._kernel.mount(b"", "/", b"", _RECURSIVE | _PRIVATE)
        todo: dict[str, Callable[..., None]]
        todo = {
            "overlay": self._overlay,
            "through": self._through,
            "bind": self._bind,
            "lock": self._lock,
            "mask": self._mask,
        }
        for name, *paths in self._steps:
            todo[name](*paths)

    def _overlay(self, target: str, upper: str, work: str, *lowers: str) -> None:
        """The lowers, topmost first, with all changes going into `upper`."""
        below = b":".join(self._named(lower) for lower in lowers)
        options = b"userxattr,index=off,lowerdir=%b,upperdir=%b,workdir=%b"
        filled = options % (below, self._named(upper), self._named(work))
        self._kernel.mount(b"overlay", target, b"overlay", _NOSUID_NODEV, filled)

    def _through(self, target: str, lower: str) -> None:
        """Have `lower` seen through an overlay of its own from here on; what is mounted on `target` next covers it.

        The kernel refuses a layer that lies inside another layer; it does not see that it does behind an overlay.
        """
        self._mask(target)
        empty = os.open(target, _PLACE)
        below = b"userxattr,lowerdir=%b:/proc/self/fd/%d" % (self._named(lower), empty)
        self._kernel.mount(b"overlay", target, b"overlay", _NOSUID_NODEV | _RDONLY, below)
        self._fds[lower] = os.open(target, _PLACE)

    def _bind(self, target: str, source: str) -> None:
        self._kernel.mount(self._named(source), target, b"", _BIND | _RECURSIVE)

    def _lock(self, target: str, source: str) -> None:
        """Show `source` at `target`, and let nothing be written there."""
        self._bind(target, source)
        self._kernel.make_read_only(target)

    def _mask(self, target: str) -> None:
        self._kernel.mount(b"tmpfs", target, b"tmpfs", _NOSUID_NODEV | _RDONLY, _EMPTY)

    def _named(self, path: str) -> bytes:
        return b"/proc/self/fd/%d" % self._fds[path]


def _steps(words: list[str]) -> list[list[str]]:
    steps: list[list[str]] = []
    for word in words:
        if word.startswith("/"):
            steps[-1].append(word)
        else:
            steps.append([word])
    return steps


def _scratch(kernel: _Kernel, place: str) -> None:
    kernel.mount(b"tmpfs", place, b"tmpfs", _NOSUID_NODEV, SCRATCH_OPTIONS)
    top = os.open(place, _PLACE)
    for name in SCRATCH_PARTS:
        os.mkdir(name, dir_fd=top)
        os.chmod(name, 0o1777, dir_fd=top)
    os.close(top)


def main() -> None:
    """Make the namespaces and the mounts, say so, wait."""
    scratch, waiter, *words = sys.argv[1:]
    kernel = _Kernel()
    try:
        _namespaces(kernel)
        _loopback_up(kernel)
        _Mounter(kernel, _steps(words)).run()
        if scratch:
            _scratch(kernel, scratch)
    except OSError as error:
        os.write(1, f"{error.strerror}\n".encode(errors="replace"))
        sys.exit(1)
    os.write(1, b"ready\n")
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.chdir("/")
    # a small program holds the namespaces from here on: an interpreter would cost some MiB for each agent
    os.execv(waiter, ["cat"])


if __name__ == "__main__":
    main()

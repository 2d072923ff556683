"""The program of a holder process: it makes an agent's namespaces and then waits for the end of its input.

Run by path with a bare interpreter; it imports nothing of fork's. Arguments: the mount point of the agent's own /tmp
(empty: none) and the program that waits. It prints `ready` or one line saying what failed. Invariant: when the process
that started it is gone, its input ends, and so does it.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
_NOSUID_NODEV = 2 | 4
SCRATCH_OPTIONS = b"mode=0755,size=2g"
SCRATCH_PARTS = ("tmp", "var-tmp")


def _checked(libc: ctypes.CDLL, name: str, *args: object) -> None:
    if getattr(libc, name)(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _namespaces(libc: ctypes.CDLL) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _checked(libc, "unshare", _NEWUSER | _NEWNS | _NEWNET)
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1", "ascii")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP_RUNNING))


def main() -> None:
    """Make the namespaces, say so, wait."""
    scratch, waiter = sys.argv[1:3]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        _namespaces(libc)
        _loopback_up()
        if scratch:
            _checked(libc, "mount", b"tmpfs", os.fsencode(scratch), b"tmpfs", _NOSUID_NODEV, SCRATCH_OPTIONS)
            for name in SCRATCH_PARTS:
                part = Path(scratch, name)
                part.mkdir()
                part.chmod(0o1777)
    except OSError as error:
        os.write(1, f"{error.strerror}\n".encode())
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

"""A seccomp filter as bytes: no sockets that a network namespace does not hold, no keyrings, and no way around that.

It never calls the kernel. Unix sockets reach host services (docker, ssh-agent, D-Bus) through the file system, AF_VSOCK
reaches the hypervisor, io_uring opens sockets without a system call that a filter sees; all three answer with an error.
`socketpair` stays, but for datagrams, which can be sent to any path. A session's keyring belongs to no namespace: what
the user keeps in it (tickets, tokens) could be read. Invariant: an architecture that is not known
gets an error from every system call.
"""

import platform
import struct
from dataclasses import dataclass

AF_UNIX, SOCK_DGRAM, AF_VSOCK = 1, 2, 40
EPERM, ENOSYS = 1, 38
CLONE_NEWUSER = 0x10000000

_LD_ABS, _AND, _JEQ, _JGE, _JSET, _RET = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NR, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24  # offsets in struct seccomp_data; arguments are little-endian, low half first


@dataclass(frozen=True, slots=True)
class _Abi:
    audit: int
    socket: int
    socketpair: int
    clone: int
    unshare: int
    keyrings: tuple[int, int, int]  # add_key, request_key, keyctl
    socketcall: int | None = None
    x32: bool = False
    clone3: int = 435
    io_uring_setup: int = 425


_ABIS = {
    "x86_64": (
        _Abi(0xC000003E, 41, 53, 56, 272, (248, 249, 250), x32=True),
        _Abi(0x40000003, 359, 360, 120, 310, (286, 287, 288), socketcall=102),  # 32-bit programs
    ),
    "aarch64": (
        _Abi(0xC00000B7, 198, 199, 220, 97, (217, 218, 219)),
        _Abi(0x40000028, 281, 288, 120, 337, (309, 310, 311)),
    ),
}

_Ins = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def _ret(errno: int | None) -> _Ins:
    return (_RET, 0, 0, _ALLOW if errno is None else _ERRNO | errno)


def _call(number: int, body: list[_Ins]) -> list[_Ins]:
    """Run `body` when the system call (already loaded) is `number`; the body must return."""
    return [(_JEQ, 0, len(body), number), *body]


def _socket() -> list[_Ins]:
    return [(_LD_ABS, 0, 0, _ARG0), (_JEQ, 1, 0, AF_UNIX), (_JEQ, 0, 1, AF_VSOCK), _ret(EPERM), _ret(None)]


def _socketpair() -> list[_Ins]:
    return [
        (_LD_ABS, 0, 0, _ARG1),
        (_AND, 0, 0, 0xF),
        (_JEQ, 0, 1, SOCK_DGRAM),
        _ret(EPERM),
        _ret(None),
    ]


def _new_userns() -> list[_Ins]:
    return [(_LD_ABS, 0, 0, _ARG0), (_JSET, 0, 1, CLONE_NEWUSER), _ret(EPERM), _ret(None)]


def _block(abi: _Abi, *, deny_userns: bool) -> list[_Ins]:
    code: list[_Ins] = [(_LD_ABS, 0, 0, _NR)]
    if abi.x32:
        code += [(_JGE, 0, 1, 0x40000000), _ret(ENOSYS)]
    code += _call(abi.socket, _socket()) + _call(abi.socketpair, _socketpair())
    for number in (abi.io_uring_setup, *abi.keyrings):
        code += _call(number, [_ret(ENOSYS)])
    if abi.socketcall is not None:
        code += _call(abi.socketcall, [_ret(EPERM)])
    if deny_userns:
        # clone3 hides its flags behind a pointer; libc falls back to clone when it is told that there is none
        code += _call(abi.clone3, [_ret(ENOSYS)])
        code += _call(abi.clone, _new_userns()) + _call(abi.unshare, _new_userns())
    return [*code, _ret(None)]


def socket_filter(machine: str | None = None, *, deny_userns: bool = False) -> bytes | None:
    """The program for `bwrap --seccomp`, None for a machine whose system call numbers are not known here.

    `deny_userns` also refuses new user namespaces, for a bubblewrap that cannot.
    """
    abis = _ABIS.get(machine or platform.machine())
    if abis is None:
        return None
    code: list[_Ins] = [(_LD_ABS, 0, 0, _ARCH)]
    for abi in abis:
        block = _block(abi, deny_userns=deny_userns)
        code += [(_JEQ, 0, len(block), abi.audit), *block]
    code.append(_ret(EPERM))
    return b"".join(struct.pack("<HBBI", *ins) for ins in code)

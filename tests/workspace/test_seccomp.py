import struct

import pytest

from forkcli.workspace.seccomp import socket_filter

ALLOW, EPERM, ENOSYS = "allow", 1, 38
X86, I386, ARM64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028


def run(program: bytes, arch: int, number: int, *arguments: int) -> str | int:
    """What the kernel would answer: an interpreter for the few instructions that are used."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *[*arguments, *[0] * (6 - len(arguments))])
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    at = value = 0
    while True:
        op, yes, no, constant = code[at]
        at += 1
        if op == 0x20:
            value = struct.unpack_from("<I", data, constant)[0]
        elif op == 0x54:
            value &= constant
        elif op == 0x06:
            return ALLOW if constant == 0x7FFF0000 else constant & 0xFFFF
        else:
            holds = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[op]
            at += yes if holds else no


@pytest.mark.parametrize(
    ("machine", "arch", "socket", "socketpair", "clone", "unshare"),
    [
        ("x86_64", X86, 41, 53, 56, 272),
        ("x86_64", I386, 359, 360, 120, 310),
        ("aarch64", ARM64, 198, 199, 220, 97),
        ("aarch64", ARM, 281, 288, 120, 337),
    ],
)
def test_host_sockets_are_refused_and_the_rest_is_allowed(
    machine: str, arch: int, socket: int, socketpair: int, clone: int, unshare: int
) -> None:
    program = socket_filter(machine)
    strict = socket_filter(machine, deny_userns=True)
    assert program is not None
    assert strict is not None
    for code in (program, strict):
        assert run(code, arch, socket, 1, 1) == EPERM
        assert run(code, arch, socket, 1, 2 | 0o2000000) == EPERM
        assert run(code, arch, socket, 40, 1) == EPERM
        assert run(code, arch, socket, 2, 1) == ALLOW
        assert run(code, arch, socket, 10, 2) == ALLOW
        assert run(code, arch, socketpair, 1, 1) == ALLOW
        assert run(code, arch, socketpair, 1, 2 | 0o2000000) == EPERM
        assert run(code, arch, 425) == ENOSYS
        assert run(code, arch, 3) == ALLOW
    assert run(program, arch, clone, 0x10000000) == ALLOW
    assert run(strict, arch, clone, 0x10000000 | 17) == EPERM
    assert run(strict, arch, clone, 17) == ALLOW
    assert run(strict, arch, unshare, 0x10000000) == EPERM
    assert run(strict, arch, 435) == ENOSYS


def test_other_ways_to_number_a_call_do_not_get_around_it() -> None:
    program = socket_filter("x86_64")
    assert program is not None
    assert run(program, X86, 0x40000000 + 41, 1) == ENOSYS
    assert run(program, I386, 102, 1) == EPERM
    assert run(program, 0x12345678, 0) == EPERM


def test_an_unknown_machine_has_no_filter() -> None:
    assert socket_filter("vax") is None

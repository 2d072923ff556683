"""The kernel's keyrings hold tickets and tokens, and belong to no namespace: a command must not reach them."""

import ctypes
import platform

import pytest
from safety_kit import Strike

from forkcli.models.scripted import call

SESSION = -3
NUMBERS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
SEARCH, READ = 10, 11

ASK = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
key = libc.syscall({keyctl}, {search}, {session}, b"user", b"fork-test", 0)
buffer = ctypes.create_string_buffer(100)
print("found", libc.syscall({keyctl}, {read}, key, buffer, 100), buffer.value)
print("planted", libc.syscall({add_key}, b"user", b"fork-planted", b"x", 1, {session}))
"""


@pytest.fixture
def numbers() -> tuple[int, int]:
    """A secret in this session's keyring; the numbers of the system calls that reach it."""
    found = NUMBERS.get(platform.machine())
    if found is None:
        pytest.skip(f"the system calls of {platform.machine()} are not known here")
    secret = b"TICKET"
    if ctypes.CDLL(None, use_errno=True).syscall(found[0], b"user", b"fork-test", secret, len(secret), SESSION) < 0:
        pytest.skip("keyrings are forbidden here")
    return found


def test_a_command_reads_and_writes_no_keyring(needs_sandbox: None, numbers: tuple[int, int], strike: Strike) -> None:
    script = ASK.format(add_key=numbers[0], keyctl=numbers[1], search=SEARCH, read=READ, session=SESSION)
    (said,) = strike(call("bash", command=f"python3 -c '{script}'")).results
    assert "TICKET" not in said
    assert "found -1" in said
    assert "planted -1" in said

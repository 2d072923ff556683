"""The seal of tests/conftest.py holds: no home, key, configuration or network of the caller's reaches a test."""

import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

REAL_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
PLACES = (".config/fork", ".cache/fork", ".local/share/fork", ".local/state/fork", ".fork", ".gitconfig")


def stamps() -> dict[str, int | None]:
    """When each of the places that fork might touch in the real home was last changed."""
    found: dict[str, int | None] = {}
    for place in PLACES:
        path = REAL_HOME / place
        found[place] = path.stat().st_mtime_ns if path.exists() else None
    return found


def test_no_key_and_no_setting_of_the_caller_is_in_the_environment() -> None:
    left = [name for name in os.environ if name.startswith(("ANTHROPIC_", "FORK_", "CLAUDE_"))]
    assert left == []
    assert "NO_COLOR" not in os.environ
    assert os.environ["TZ"] == "UTC"


def test_home_and_temporary_files_lie_under_the_test_own_directory(tmp_path: Path, sealed: Path) -> None:
    assert Path.home() == sealed
    assert Path.home() != REAL_HOME
    assert Path(tempfile.gettempdir()).parent == sealed.parent
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        assert Path(os.environ[name]).is_relative_to(sealed)


def test_git_sees_neither_the_system_nor_the_callers_configuration(sealed: Path) -> None:
    done = subprocess.run(
        ["git", "config", "--list", "--show-origin"], cwd=sealed, capture_output=True, text=True, check=True
    )
    origins = {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert origins == {f"file:{sealed}/.gitconfig"}


def test_running_the_command_leaves_the_real_home_untouched(fork_cli: Callable[..., object]) -> None:
    before = stamps()
    fork_cli("--version")
    fork_cli("ls")
    assert stamps() == before


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("8.8.8.8", 53), ("2001:db8::1", 443, 0, 0)])
def test_a_connection_to_a_foreign_address_is_refused(address: tuple[object, ...], left_the_machine: list[str]) -> None:
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with socket.socket(family) as sock, pytest.raises(AssertionError, match="leave the machine"):
        sock.connect(address)
    assert len(left_the_machine) == 1
    left_the_machine.clear()


def test_a_foreign_name_is_not_even_looked_up(left_the_machine: list[str]) -> None:
    with pytest.raises(AssertionError, match="leave the machine"):
        socket.create_connection(("example.com", 443), timeout=1)
    left_the_machine.clear()


def test_loopback_is_open() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as one,
    ):
        assert one.getpeername() == server.getsockname()


@given(st.integers())
def test_property_tests_live_with_the_seal(number: int) -> None:
    assert os.environ["TZ"] == "UTC"


def test_the_project_is_a_clean_repository(project: Path) -> None:
    status = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True)
    assert status.stdout == ""

"""What every test stands on: a sealed environment, no network but loopback, a project, and the real command.

The seal is applied to every test without being asked for. It never reaches outside the test's own temporary directory:
a test that needs a key, a configuration or a home directory makes its own inside. tests/house/test_seal.py proves it.
"""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from zygote import close_zygote, run_command

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ("ANTHROPIC_", "FORK_", "GIT_", "XDG_", "CLAUDE_", "OPENAI_", "PIP_", "COLUMNS", "LINES", "EDITOR", "VISUAL")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
OTHERS = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "PYTHONSTARTUP")
GITCONFIG = "[user]\n\tname = Test\n\temail = test@example.invalid\n[init]\n\tdefaultBranch = main\n"

# What hypothesis tries is the same in every run, and no machine is too slow for it: a test says what is wrong with the
# code. `pytest --hypothesis-profile=search` tries something else each time.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

_attempts: list[str] = []
_naps = itertools.count()


def _is_loopback(host: object) -> bool:
    if host is None or host in {"", "localhost", b"localhost"}:
        return True
    try:
        return ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False  # a name: looking it up would already leave the machine


def _is_numeric(host: object) -> bool:
    try:
        ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


def _guard(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: Python raises these events for every socket, whichever library opened it."""
    if event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        allowed = not isinstance(address, tuple) or _is_loopback(address[0])
    elif event == "socket.getaddrinfo":
        address = args[0]
        allowed = _is_loopback(address) or _is_numeric(address)
    else:
        return
    if not allowed:
        _attempts.append(f"{event} {address!r}")
        raise AssertionError(f"a test tried to leave the machine: {event} {address!r}")


def pytest_configure() -> None:
    """Audit hooks cannot be removed, so there is one for the whole run.

    A run in the background of a script ignores signals, which what it starts would inherit, and fork would keep to.
    """
    sys.addaudithook(_guard)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionfinish() -> None:
    close_zygote()


@pytest.fixture
def left_the_machine() -> list[str]:
    """Attempts to reach a foreign address; whoever provokes one on purpose clears the list."""
    return _attempts


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test an empty home of its own and nothing of the caller's; yields that home."""
    place = tmp_path_factory.mktemp("sealed")
    home, temporary, run = place / "home", place / "tmp", place / "run"
    for folder in (home, temporary, run):
        folder.mkdir(mode=0o700)
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name in OTHERS or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    (home / ".gitconfig").write_text(GITCONFIG)
    settings = {
        "HOME": home,
        "TMPDIR": temporary,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_STATE_HOME": home / ".local/state",
        "XDG_RUNTIME_DIR": run,
        "GIT_CONFIG_GLOBAL": home / ".gitconfig",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "PYTHONPATH": ROOT,
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(tempfile, "tempdir", None)
    _attempts.clear()
    yield home
    assert not _attempts, f"the test tried to leave the machine: {_attempts}"


@pytest.fixture
def nap() -> str:
    """Seconds to sleep, a minute or so, that nothing else on this machine sleeps: by it a process can be found."""
    return f"61.{os.getpid():07d}{next(_naps):04d}"


def git(folder: Path, *words: str) -> str:
    """Run real git in `folder`; its stdout."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with one commit, made by real git, and nothing uncommitted."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "README.md").write_text("# A project\n")
    (folder / "src/hello.py").write_text('print("hello")\n')
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of the command ended."""

    stdout: str
    stderr: str
    code: int


@pytest.fixture
def fork_cli(project: Path) -> Callable[..., Ran]:
    """Runs the real command as a process in `project`: `fork_cli("ls", "--json", stdin=…, env={…}, cwd=…)`.

    Its standard input is empty unless given, and a proxy that does not exist keeps it from reaching a foreign host.
    """

    def run(
        *words: str,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        proxies = {
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = run_command(words, cwd=cwd or project, env={**os.environ, **proxies, **(env or {})}, stdin=data)
        return Ran(done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode)

    return run

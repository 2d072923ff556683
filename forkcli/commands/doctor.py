"""`fork doctor`: what works on this machine, and what to install. It changes nothing and prints no key.

`missing` is kept for what the main job cannot be done without; what only makes it less good is a `note`.
"""

import asyncio
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from forkcli import __version__
from forkcli.config import Settings
from forkcli.core.views import HealthRow, HealthView
from forkcli.errors import ForkError
from forkcli.models.catalog import DEFAULT_MODEL, full_name
from forkcli.models.endpoint import Endpoint, endpoint, no_key_error
from forkcli.workspace.environment import find_program
from forkcli.workspace.plain import open_workspace
from forkcli.workspace.project import find_project, is_risky_root

PROBE_S = 5.0
CONNECT_S = 2.0
INSTALL = "install it: apt install {0}, dnf install {0}, or pacman -S {0}"
# Where the kernel says whether ordinary users may make user namespaces, and the value that forbids it.
USERNS = {
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}


def examine(settings: Settings, env: Mapping[str, str]) -> HealthView:
    """Look at everything, once."""
    rows = (
        _python(),
        _terminal(env),
        _key(settings),
        *_server(settings),
        *_programs(settings, env),
        _userns(),
        _sandbox(settings, env),
        _project(settings),
        _scratch(settings.project),
        *(HealthRow("settings", "note", warning) for warning in settings.warnings),
    )
    return HealthView(all(row.health != "missing" for row in rows), rows)


def _python() -> HealthRow:
    return HealthRow("fork", "ok", f"{__version__}, Python {platform.python_version()} ({sys.executable})")


def _terminal(env: Mapping[str, str]) -> HealthRow:
    term = env.get("TERM") or "not set"
    encoding = (sys.stdout.encoding or "unknown").lower()
    detail = f"TERM {term}, {encoding}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return HealthRow("terminal", "note", f"{detail}; this is a pipe, so fork would answer once and exit")
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    detail += f", {columns} × {lines}"
    if encoding.replace("_", "-") not in {"utf-8", "utf8"}:
        return HealthRow("terminal", "note", detail, "set LC_ALL=C.UTF-8, or some letters cannot be shown")
    if term in {"dumb", "not set"}:
        return HealthRow("terminal", "note", detail, "without a TERM there are no colours and no line editing")
    return HealthRow("terminal", "ok", detail)


def _endpoint(settings: Settings) -> Endpoint:
    return endpoint(settings.base_url, settings.api_key, settings.auth_token)


def _key(settings: Settings) -> HealthRow:
    try:
        place = _endpoint(settings)
    except ForkError as error:
        return HealthRow("model", "missing", error.sentence, "; ".join(error.hints))
    model = full_name(settings.model or DEFAULT_MODEL)
    if settings.api_key or settings.auth_token:
        return HealthRow("model", "ok", f"{model} at {place.shown}, a key is there")
    if place.loopback:
        return HealthRow("model", "ok", f"{model} at {place.shown}, which needs no key")
    return HealthRow("model", "missing", f"{model} at {place.shown}: no key", "; ".join(no_key_error().hints))


def _server(settings: Settings) -> list[HealthRow]:
    """Whether a server on this machine listens. Others are not tried: nothing leaves the machine unasked."""
    try:
        place = _endpoint(settings)
    except ForkError:
        return []
    if not place.loopback:
        return []
    parts = urlsplit(place.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECT_S).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return [HealthRow("server", "missing", f"nothing answers at {place.shown} ({why})", "start the server")]
    return [HealthRow("server", "ok", f"something listens at {place.shown}")]


def _programs(settings: Settings, env: Mapping[str, str]) -> list[HealthRow]:
    without = {
        "git": ("git", "changes cannot be shown against a commit"),
        "bwrap": ("bubblewrap", "commands cannot be contained, so each needs your yes"),
        "bash": ("bash", "no command can run"),
        "nsenter": ("util-linux", "each command gets a network of its own"),
    }
    rows = []
    for program, (package, lost) in without.items():
        path = find_program(program, [settings.project], env)
        if path is None:
            rows.append(
                HealthRow(
                    program, "missing" if program == "bash" else "note", f"not found; {lost}", INSTALL.format(package)
                )
            )
        else:
            rows.append(HealthRow(program, "ok", f"{_version(path)} ({path})"))
    return rows


def _version(path: str) -> str:
    """The first line a program says of its version; it runs with an empty environment outside of the project."""
    try:
        done = subprocess.run(
            [path, "--version"], env={"LC_ALL": "C"}, cwd="/", capture_output=True, timeout=PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"did not answer: {type(error).__name__}"
    lines = done.stdout.decode(errors="replace").splitlines()
    return lines[0].strip() if lines else "of an unknown version"


def _userns() -> HealthRow:
    if not sys.platform.startswith("linux"):
        return HealthRow("namespaces", "note", f"{sys.platform} has none: commands cannot be contained yet")
    forbidding = [path for path, value in USERNS.items() if _first_word(path) == value]
    if forbidding and os.geteuid() != 0:
        hint = "see docs/safety.md, or ask who runs the machine"
        return HealthRow("namespaces", "note", f"restricted by {', '.join(forbidding)}", hint)
    return HealthRow("namespaces", "ok", f"user namespaces are allowed, Linux {platform.release()}")


def _first_word(path: str) -> str:
    try:
        return Path(path).read_text().split()[0]
    except (OSError, IndexError):
        return ""


def _sandbox(settings: Settings, env: Mapping[str, str]) -> HealthRow:
    """Try the sandbox for real, with a command line like that of any command."""
    workspace = open_workspace(settings.project, settings.add_dirs, environ=env)
    try:
        if workspace.contained:
            return HealthRow("sandbox", "ok", workspace.sandbox)
        hint = "until then every command needs your yes, and -p refuses bash unless --access full"
        return HealthRow("sandbox", "note", workspace.sandbox, hint)
    finally:
        asyncio.run(workspace.close())


def _project(settings: Settings) -> HealthRow:
    found = find_project(settings.cwd)
    if is_risky_root(found.root):
        return HealthRow("project", "note", f"{found.root} is your home or wider", "go to a project's own directory")
    if found.note:
        return HealthRow("project", "note", f"{found.root}: {found.note}")
    return HealthRow("project", "ok", str(found.root))


def _scratch(project: Path) -> HealthRow:
    folder = project / ".fork"
    place = folder if folder.exists() else project
    if not os.access(place, os.W_OK | os.X_OK):
        return HealthRow("history", "missing", f"{place} cannot be written to", "fork keeps its history there")
    return HealthRow("history", "ok", f"{folder}" + ("" if folder.exists() else " (not there yet)"))

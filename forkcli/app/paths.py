"""Completion of paths after `@`: what the typed directory holds, then files deeper down whose name begins so."""

from collections.abc import Iterator

from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError

MOST = 50
DIRS_AT_MOST = 400  # directories looked into for deeper matches
SKIPPED = frozenset({".git", ".fork", "node_modules", ".venv", "venv", "__pycache__", ".mypy_cache", ".tox", "target"})


def complete(workspace: Workspace, prefix: str) -> list[str]:
    """Paths that continue `prefix`, relative to the project, directories with a trailing slash; at most 50."""
    folder, _, start = prefix.rpartition("/")
    found = [_joined(folder, name) for name in _names(workspace, folder) if name.lower().startswith(start.lower())]
    if start and len(found) < MOST:
        deeper = (path for path in _walk(workspace, folder) if _basename(path).lower().startswith(start.lower()))
        found.extend(path for path in deeper if path not in found)
    return found[:MOST]


def _walk(workspace: Workspace, folder: str) -> Iterator[str]:
    """Everything beneath `folder`, nearest first, within bounds."""
    waiting = [folder]
    for _ in range(DIRS_AT_MOST):
        if not waiting:
            return
        here = waiting.pop(0)
        for name in _names(workspace, here):
            path = _joined(here, name)
            yield path
            if name.endswith("/"):
                waiting.append(path.rstrip("/"))


def _names(workspace: Workspace, folder: str) -> list[str]:
    try:
        names = workspace.listdir(folder or ".")
    except ForkError:
        return []
    return [name for name in names if name.rstrip("/") not in SKIPPED]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _basename(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]

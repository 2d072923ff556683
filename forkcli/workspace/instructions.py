"""The instructions that a project and its user keep for agents: AGENTS.md and CLAUDE.md.

It reads regular files beneath the project (and the user's own configuration) and follows nothing that leads out.
Invariant: what is returned is bounded, the same text never comes twice, and nothing in it is obeyed here.
"""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forkcli.core.first import ProjectFile
from forkcli.workspace.beneath import O_PATH, open_beneath

NAMES = ("AGENTS.md", "CLAUDE.md")
_MOST_BYTES = 32 * 1024
_MOST_FOLDERS = 200
_WALK_S = 0.05
_MOST_LISTED = 50
_HEAVY = frozenset({"node_modules", "target", "dist", "build", "vendor", "venv", "__pycache__", "site-packages"})


@dataclass(frozen=True, slots=True)
class _Found:
    text: str
    truncated: bool
    identity: tuple[int, int]


def project_context(root: Path, cwd: Path, config_dir: Path | None) -> list[ProjectFile]:
    """The user's instructions, the root's, those on the way from the root to `cwd`, and the paths of all others.

    A file that repeats another, is a link to it, or only imports it (`@AGENTS.md`) is left out.
    """
    found: list[ProjectFile] = []
    if config_dir is not None:
        found += _of_folder(config_dir, ".", str(config_dir))
    folders = _way(root, cwd)
    for folder in folders:
        found += _of_folder(root, folder, "" if folder == "." else folder)
    return _once(found) + [ProjectFile(path, None) for path in _elsewhere(root, set(folders))]


def _way(root: Path, cwd: Path) -> list[str]:
    """The folders from the root to `cwd`, relative to the root."""
    try:
        parts = cwd.relative_to(root).parts
    except ValueError:
        parts = ()
    return [".", *("/".join(parts[:length]) for length in range(1, len(parts) + 1))]


def _of_folder(base: Path, folder: str, shown: str) -> Iterator[ProjectFile]:
    files = {name: found for name in NAMES if (found := _read(base, f"{folder}/{name}")) is not None}
    if len(files) == len(NAMES) and files[NAMES[0]].identity == files[NAMES[1]].identity:
        files.pop(NAMES[1])
    for name, found in files.items():
        others = {f"@{other}" for other in files if other != name} | {f"@./{other}" for other in files if other != name}
        if found.text.strip() and found.text.strip() not in others:
            yield ProjectFile(f"{shown}/{name}" if shown else name, found.text, found.truncated)


def _once(files: list[ProjectFile]) -> list[ProjectFile]:
    seen: set[str] = set()
    kept: list[ProjectFile] = []
    for file in files:
        text = (file.text or "").strip()
        if text not in seen:
            seen.add(text)
            kept.append(file)
    return kept


def _read(base: Path, path: str) -> _Found | None:
    """A regular file beneath `base`; None for anything else."""
    try:
        top = os.open(base, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fd = open_beneath(top, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return None
    finally:
        os.close(top)
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        return None
    with os.fdopen(fd, "rb") as file:
        try:
            data = file.read(_MOST_BYTES + 1)
        except OSError:
            return None
    truncated = len(data) > _MOST_BYTES
    text = data[:_MOST_BYTES].decode("utf-8", "ignore" if truncated else "replace")
    return _Found(text, truncated, (info.st_dev, info.st_ino))


def _elsewhere(root: Path, told: set[str]) -> Iterator[str]:
    """Paths of instructions in other folders, the near ones first; gives up after 200 folders or 50 ms."""
    deadline = time.monotonic() + _WALK_S
    queue = [root]
    listed = 0
    for _ in range(_MOST_FOLDERS):
        if not queue or time.monotonic() > deadline or listed >= _MOST_LISTED:
            return
        folder = queue.pop(0)
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            continue
        here = folder.relative_to(root).as_posix()
        for entry in entries:
            if entry.name in NAMES and here not in told and entry.is_file(follow_symlinks=False):
                listed += 1
                yield f"{here}/{entry.name}"
            elif entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name not in _HEAVY:
                queue.append(folder / entry.name)

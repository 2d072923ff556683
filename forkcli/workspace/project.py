"""Which directory is the project.

It runs no process and reads no configuration. Invariant: the root holds the directory where fork was started.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.instructions import project_context

__all__ = ["Project", "find_project", "is_risky_root", "looks_like_git", "project_context"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project: `root` and `cwd` are absolute and free of symbolic links; `note` says what is unusual, if anything."""

    root: Path
    cwd: Path
    note: str = ""


def find_project(cwd: Path) -> Project:
    """The git work tree that holds `cwd`, or `cwd` itself. Raises ForkError when there is no such directory."""
    try:
        here = cwd.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ForkError(f"{cwd} cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not here.is_dir():
        raise ForkError(f"{cwd} is not a directory")
    note = ""
    for folder in (here, *here.parents):
        if not looks_like_git(folder):
            continue
        if folder == here or _trusted_owner(folder / ".git"):
            return Project(folder, here)
        note = f"{folder} is a git work tree of another user's and was not taken for the project"
        break
    return Project(here, here, note=note or "not a git repository: changes cannot be shown against a commit")


def looks_like_git(folder: Path) -> bool:
    """Whether `folder` is the top of a git work tree: it has a git directory, or a file that names one."""
    marker = folder / ".git"
    try:
        if marker.is_dir():
            return os.path.lexists(marker / "HEAD")
        if not marker.is_file():
            return False
        with marker.open("rb") as file:
            return file.read(8) == b"gitdir: "
    except OSError:
        return False


def _trusted_owner(marker: Path) -> bool:
    """Whether this user or root made the work tree above: anyone may plant one in /tmp, and git refuses it too.

    Root works in others' projects, but not in one that lies where anyone could have made it.
    """
    try:
        owner, mode = marker.lstat().st_uid, marker.parent.stat().st_mode
    except OSError:
        return False
    return owner in {os.geteuid(), 0} or (os.geteuid() == 0 and not mode & stat.S_IWOTH)


def is_risky_root(root: Path) -> bool:
    """Whether a project's root is so wide that one should ask first: `/`, a home directory, or what holds one."""
    try:
        home = Path.home()
        homes = {home, Path(os.path.realpath(home))} if home.is_absolute() else set()
    except RuntimeError:  # a user without an entry and without HOME, as in some containers
        homes = set()
    return root == Path("/") or any(root == place or root in place.parents for place in homes)

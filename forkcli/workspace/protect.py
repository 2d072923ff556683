"""Which parts of the project a command must not write: git's data and fork's own, wherever they lie.

The project says itself where its git data lies, so that is believed only as far as it narrows: what is named never
makes anything visible that is hidden, unless it is git data. It opens nothing but git's small files. Invariant: a
protected path within the project is reached through mount points alone, so that no part of the way can be renamed.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.gitdirs import git_places
from forkcli.workspace.looking import is_dir, is_file, kind

_KERNEL = (Path("/proc"), Path("/dev"), Path("/sys"))


def protected_paths(roots: Iterable[Path], private: Iterable[Path], hidden: Iterable[Path]) -> tuple[Path, ...]:
    """What is read-only for a command that may write `roots`.

    `private` are the directories that a command has of its own, `hidden` those it must not see. Raises ForkError for
    what cannot be protected.
    """
    roots, private, hidden = tuple(roots), tuple(private), (*hidden, *_KERNEL)
    found: dict[Path, None] = {}
    for folder in roots:
        found |= dict.fromkeys(_markers(folder))
        for path in _git_data(folder):
            if path in roots:
                raise ForkError(f"{path} is a git directory and the work itself, which the sandbox cannot protect")
            if any(_within(path, place) for place in hidden):
                continue
            if any(_within(path, root) for root in roots) or (
                any(place in path.parents for place in private) and _is_git_data(path)
            ):
                found[path] = None
    return tuple(found)


def pins(roots: Iterable[Path], paths: Iterable[Path]) -> tuple[Path, ...]:
    """The directories between a root and each of the paths beneath it.

    A mount point cannot be renamed, but a directory that holds one can: then another would take its place.
    """
    roots = tuple(roots)
    return tuple(
        dict.fromkeys(
            parent
            for path in paths
            for root in roots
            for parent in path.parents
            if root != parent and root in parent.parents
        )
    )


def _markers(folder: Path) -> Iterator[Path]:
    for name in (".git", ".fork"):
        path = folder / name
        found = kind(path, follow=False)
        if found == stat.S_IFLNK:
            raise ForkError(
                f"{path} is a symbolic link, which the sandbox cannot protect",
                "replace a .git link by a file with the line: gitdir: PATH",
            )
        if found is not None:
            yield path


def _git_data(folder: Path) -> Iterator[Path]:
    places = git_places(folder)
    if places is not None:
        yield Path(os.path.realpath(places.git_dir))
        yield Path(os.path.realpath(places.common_dir))


def _is_git_data(path: Path) -> bool:
    """Whether it is what git calls a repository, or a linked work tree's part of one."""
    return is_file(path / "HEAD") and (is_dir(path / "objects") or is_file(path / "commondir"))


def _within(path: Path, place: Path) -> bool:
    return path == place or place in path.parents

"""Where a project's git data lies, read from files without running git.

It reads small regular files only and believes nothing in them but paths to look at. Invariant: nothing here executes,
configures or changes anything.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from forkcli.workspace.looking import is_dir

_SMALL = 64 * 1024
_PACKED = 16 * 1024 * 1024
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class GitPlaces:
    """`git_dir` is the work tree's own, `common_dir` where branches and objects are (the same but in linked trees)."""

    git_dir: Path
    common_dir: Path


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out: `branch` is None when detached, `commit` None when there is none yet or it is not known."""

    branch: str | None
    commit: str | None

    @property
    def short(self) -> str:
        """The commit's first ten digits."""
        return (self.commit or "")[:10]


def git_places(root: Path) -> GitPlaces | None:
    """The git directories of the work tree at `root`; None where there is none."""
    marker = root / ".git"
    if is_dir(marker):
        git_dir = marker
    else:
        named = _line(marker).removeprefix("gitdir: ")
        git_dir = Path(os.path.realpath(root / named)) if named and named != _line(marker) else marker
        if not is_dir(git_dir):
            return None
    common = _line(git_dir / "commondir")
    common_dir = Path(os.path.realpath(git_dir / common)) if common else git_dir
    return GitPlaces(git_dir, common_dir if is_dir(common_dir) else git_dir)


def read_head(root: Path) -> Head | None:
    """Branch and commit of the work tree at `root`, None where there is no git or its HEAD cannot be read."""
    places = git_places(root)
    if places is None:
        return None
    head = _line(places.git_dir / "HEAD")
    if not head.startswith("ref: "):
        return Head(None, head) if _is_hash(head) else None
    ref = head.removeprefix("ref: ").strip()
    if not ref.startswith("refs/") or ".." in ref:
        return None
    branch = ref.removeprefix("refs/heads/")
    if branch == ".invalid":  # another kind of reference storage, which only git itself can read
        return None
    for folder in (places.git_dir, places.common_dir):
        commit = _line(folder / ref)
        if _is_hash(commit):
            return Head(branch, commit)
    return Head(branch, _packed(places.common_dir / "packed-refs", ref))


def quick_branch(root: Path) -> str:
    """The branch, or the commit's first digits when detached; empty without git. Runs no process."""
    head = read_head(root)
    return "" if head is None else head.branch or head.short


def _packed(path: Path, ref: str) -> str | None:
    wanted = f" {ref}".encode()
    for line in read_small(path, _PACKED).splitlines():
        if line.endswith(wanted):
            commit = line[: -len(wanted)].decode("ascii", "replace")
            return commit if _is_hash(commit) else None
    return None


def _is_hash(text: str) -> bool:
    return len(text) in {40, 64} and set(text) <= _HEX


def _line(path: Path) -> str:
    return read_small(path, _SMALL).decode("utf-8", "surrogateescape").rstrip("\r\n")


def read_small(path: Path, limit: int) -> bytes:
    """A regular file's content; nothing for what is absent, special, unreadable or larger than `limit`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b""
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > limit:
            return b""
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(limit)
    except OSError:
        return b""
    finally:
        os.close(fd)

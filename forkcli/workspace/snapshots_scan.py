"""What has to be taken into a snapshot: the differences between an agent's index and its files, sorted out.

git lists the differences; each file is then looked at without being opened, since a snapshot cannot hold everything.
Invariant: what is on disk but cannot be held is named, and is never recorded as deleted.
"""

import os
import re
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from forkcli.errors import ForkError
from forkcli.workspace.gitrun import GitResult, checked
from forkcli.workspace.replacing import refuse_protected
from forkcli.workspace.snapshots_dir import GitRun, SnapshotDir
from forkcli.workspace.snapshots_seed import Tracked

_UNREADABLE = re.compile(r"^warning: could not open directory '(.*)': ", re.MULTILINE)
_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one file may be, and how much one snapshot may add, in bytes."""

    file: int = 64 * _MIB
    total: int = 2048 * _MIB


@dataclass(frozen=True, slots=True)
class Excluded:
    """Something on disk that a snapshot does not hold, relative to the project, and why, in words."""

    path: str
    why: str


@dataclass(slots=True)
class Differences:
    """What an index has to be told: files to store, files that are gone, and what is left out."""

    store: list[bytes] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)


def differences(where: SnapshotDir, index: Path, tree: Path, run: GitRun, user: Tracked, limits: Limits) -> Differences:
    """The differences between `index` and the files, which are visible at `tree` here. Raises ForkError."""
    env = where.environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(where.project))
    listing = where.arguments("ls-files", "-z", "-o", "--exclude-standard", in_tree=True)
    comparing = where.arguments("diff-files", "-z", "--raw", "--no-renames", in_tree=True)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(run, listing, env, b"")
        changed = _whole(run(comparing, env, b""))
        untracked = _whole(other.result())
    letters = changed.out.split(b"\0")
    pairs = list(zip(letters[::2], letters[1::2], strict=False))
    gone = {path for head, path in pairs if head.endswith(b" D")} - user.outside
    found = Differences(gone=sorted(gone))
    names = [path for head, path in pairs if not head.endswith(b" D")]
    names += [path for path in untracked.out.split(b"\0") if path]
    with _Sorter(tree, user, limits, found) as sorter:
        sorter.take(dict.fromkeys([*names, *sorted(user.despite_ignored)]))
    for text in _UNREADABLE.findall(untracked.err):
        found.excluded.append(Excluded(text, "the directory cannot be read"))
    return found


def _whole(ran: GitResult) -> GitResult:
    checked(ran)
    if ran.cut:
        raise ForkError("the project has too many files for a snapshot", "name what need not be kept in .gitignore")
    return ran


class _Sorter:
    """Looks at files beneath one directory and says what becomes of each."""

    def __init__(self, tree: Path, user: Tracked, limits: Limits, found: Differences) -> None:
        self._tree = tree
        self._user = user
        self._limits = limits
        self._found = found
        self._sizes: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._fd = os.open(self._tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ForkError(f"{self._tree} cannot be opened: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def take(self, paths: Iterable[bytes]) -> None:
        """Sort the paths, then leave the largest out if all together are too large."""
        for path in paths:
            why = self._look(path)
            if why:
                self._leave_out(path, why)
        total = 0
        for size, path in sorted(self._sizes):
            total += size
            if total > self._limits.total:
                self._leave_out(path, f"the snapshot would take in more than {_size(self._limits.total)} at once")
            else:
                self._found.store.append(path)

    def _leave_out(self, path: bytes, why: str) -> None:
        self._found.excluded.append(Excluded(os.fsdecode(path), why))

    def _look(self, path: bytes) -> str:
        """Note a file that is to be stored; why not, for what is left out; nothing for what is not there at all."""
        if path.endswith(b"/"):
            return "a submodule" if path[:-1] in self._user.submodules else "a git repository of its own"
        try:
            refuse_protected(os.fsdecode(path).split("/"), "")
            return self._look_at(path, os.stat(path, dir_fd=self._fd, follow_symlinks=False))
        except ForkError:
            return "" if path.startswith(b".fork/") else "a name that git or fork keeps for itself"
        except PermissionError:
            return "cannot be read"
        except OSError:
            return ""  # gone since it was listed: the next snapshot records that

    def _look_at(self, path: bytes, found: os.stat_result) -> str:
        if stat.S_ISDIR(found.st_mode):
            return self._became_directory(path)
        if stat.S_ISREG(found.st_mode):
            if found.st_size > self._limits.file:
                return f"larger than {_size(self._limits.file)}"
            if not os.access(path, os.R_OK, dir_fd=self._fd, effective_ids=True):
                return "cannot be read"
        elif not stat.S_ISLNK(found.st_mode):
            return _SPECIAL.get(stat.S_IFMT(found.st_mode), "not a regular file")
        self._sizes.append((found.st_size, path))
        return ""

    def _became_directory(self, path: bytes) -> str:
        """A file that is a git repository now; where the index has no file it is a submodule, or a race."""
        if path in self._user.despite_ignored:
            return ""
        self._found.gone.append(path)
        return "a git repository of its own"


def _size(limit: int) -> str:
    return f"{limit // _MIB} MiB" if limit % _MIB == 0 else f"{limit} bytes"

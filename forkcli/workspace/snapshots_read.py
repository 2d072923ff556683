"""Reads snapshots: what a tree holds, how two differ, one file's content, and files written out for a reader.

It never looks at the project's files. Invariant: a path goes to git and comes back as bytes between null bytes, so no
name is ever taken for an option, a pattern or two names.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forkcli.errors import ForkError
from forkcli.workspace.gitrun import checked
from forkcli.workspace.snapshots_dir import SnapshotDir, known_id

ChangeKind = Literal["added", "modified", "deleted", "mode", "type"]
DIFF_BYTES = 4 * 1024 * 1024
_BATCH_BYTES = 32 * 1024 * 1024
_MOST_ARGUMENTS = 100_000  # characters of paths in one call


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a snapshot: its git mode (0o100644, 0o100755, or 0o120000 for a symbolic link) and its blob's id."""

    mode: int
    id: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link, whose blob is where it points."""
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True)
class Delta:
    """One path that differs between two trees; None where it is not there."""

    path: str
    old: Entry | None
    new: Entry | None


@dataclass(frozen=True, slots=True)
class Change:
    """How one path differs between two snapshots. `added` and `removed` count lines, 0 for a binary file."""

    path: str
    kind: ChangeKind
    binary: bool
    added: int
    removed: int


def paths(where: SnapshotDir, tree: str) -> list[str]:
    """All files of a snapshot, in git's order."""
    out = where.git("ls-tree", "-r", "-z", "--name-only", known_id(tree))
    return [os.fsdecode(path) for path in out.split(b"\0") if path]


def entries(where: SnapshotDir, tree: str, only: Sequence[str] = ()) -> dict[str, Entry]:
    """The files of a snapshot by path; of `only`, if given, those that are there (for a directory, all beneath)."""
    wanted = [path for path in only if _is_plain(path)]
    if only and not wanted:
        return {}
    asked = wanted if sum(map(len, wanted)) <= _MOST_ARGUMENTS else []  # more than is asked for does no harm
    out = where.git("ls-tree", "-r", "-z", known_id(tree), "--", *asked)
    found: dict[str, Entry] = {}
    for line in out.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if path:
            mode, _, object_id = head.decode("ascii").split(" ")
            found[os.fsdecode(path)] = Entry(int(mode, 8), object_id)
    return found


def deltas(where: SnapshotDir, old: str, new: str) -> list[Delta]:
    """Every path that differs, without its content being looked at; a rename is a deletion and an addition."""
    out = where.git("diff-tree", "-r", "-z", "--raw", "--no-renames", known_id(old), known_id(new))
    words = out.split(b"\0")
    return [_delta(head, path) for head, path in zip(words[::2], words[1::2], strict=False)]


def _delta(head: bytes, path: bytes) -> Delta:
    old_mode, new_mode, old_id, new_id, _ = head.decode("ascii").removeprefix(":").split(" ")
    old = Entry(int(old_mode, 8), old_id) if int(old_mode, 8) else None
    new = Entry(int(new_mode, 8), new_id) if int(new_mode, 8) else None
    return Delta(os.fsdecode(path), old, new)


def changes(where: SnapshotDir, old: str, new: str) -> list[Change]:
    """How two snapshots differ, path by path, in git's order."""
    found = deltas(where, old, new)
    if not found:
        return []
    counted = _counts(where.git("diff-tree", "-r", "-z", "--numstat", "--no-renames", known_id(old), known_id(new)))
    made = []
    for delta in found:
        lines = counted.get(delta.path)
        added, removed = lines or (0, 0)
        made.append(Change(delta.path, _kind(delta), lines is None, added, removed))
    return made


def _kind(delta: Delta) -> ChangeKind:
    if delta.old is None:
        return "added"
    if delta.new is None:
        return "deleted"
    if delta.old.is_link != delta.new.is_link:
        return "type"
    return "mode" if delta.old.id == delta.new.id else "modified"


def _counts(out: bytes) -> dict[str, tuple[int, int]]:
    """Lines added and removed by path; binary files are left out."""
    found: dict[str, tuple[int, int]] = {}
    for line in out.split(b"\0"):
        words = line.split(b"\t", 2)
        if len(words) == 3 and words[0] != b"-":
            found[os.fsdecode(words[2])] = (int(words[0]), int(words[1]))
    return found


def sizes(where: SnapshotDir, ids: Iterable[str]) -> dict[str, int]:
    """The size in bytes of each blob that is there."""
    asked = "".join(f"{known_id(one)}\n" for one in sorted(ids)).encode("ascii")
    if not asked:
        return {}
    out = where.git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)
    words = (line.decode("ascii").split(" ") for line in out.splitlines())
    return {word[0]: int(word[1]) for word in words if len(word) == 2 and word[1].isdigit()}


def diff(where: SnapshotDir, old: str, new: str, only: Sequence[str] = (), most_bytes: int = DIFF_BYTES) -> str:
    """A unified diff in git's form, renames shown as such; of `only`, if given. Cut, saying so, after `most_bytes`."""
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--unified=3", "--no-relative")
    prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
    trees = (known_id(old), known_id(new))
    odd = next((path for path in only if not _is_plain(path)), None)
    if odd is not None:
        raise ForkError(f"`{odd[:200]}` is no path of a file in the project")
    if sum(map(len, only)) > _MOST_ARGUMENTS:
        raise ForkError(f"a diff of {len(only)} named files at once is too much", "name fewer, or none for all")
    ran = where.ask("diff-tree", "-r", "-p", *options, *prefixes, *trees, "--", *only, most_bytes=most_bytes)
    text = checked(ran).decode("utf-8", "replace")
    return f"{text}\n[cut after {most_bytes} bytes]\n" if ran.cut else text


def read(where: SnapshotDir, tree: str, path: str) -> bytes:
    """The content of one file, for a symbolic link where it points. Raises ForkError where there is none."""
    entry = entries(where, tree, [path]).get(path)
    if entry is None:
        raise ForkError(f"{path} is not in the snapshot")
    return next(data for _, data in blobs(where, [entry.id]))


def blobs(where: SnapshotDir, ids: Iterable[str], batch_bytes: int = _BATCH_BYTES) -> Iterator[tuple[str, bytes]]:
    """The content of blobs, in batches that hold about so many bytes in memory at once.

    Raises ForkError where one is missing, before anything is handed out.
    """
    wanted = sorted(set(ids))
    size = sizes(where, wanted)
    missing = [one for one in wanted if one not in size]
    if missing:
        raise ForkError(f"{len(missing)} files' content is missing in `{where.folder}`", "it may have been damaged")
    batch: list[str] = []
    held = 0
    for one in wanted:
        if batch and held + size[one] > batch_bytes:
            yield from _batch(where, batch)
            batch, held = [], 0
        batch.append(one)
        held += size[one]
    if batch:
        yield from _batch(where, batch)


def _is_plain(path: str) -> bool:
    """Whether a path is one that a snapshot can hold, or a directory of one."""
    return bool(path) and not {"", ".", ".."} & set(path.removesuffix("/").split("/"))


def _batch(where: SnapshotDir, ids: list[str]) -> Iterator[tuple[str, bytes]]:
    out = where.git("cat-file", "--batch", stdin="".join(f"{one}\n" for one in ids).encode("ascii"))
    at = 0
    for one in ids:
        end = out.index(b"\n", at)
        size = int(out[at:end].rpartition(b" ")[2])
        data = out[end + 1 : end + 1 + size]
        hashed = where.hashed(size)
        hashed.update(data)
        if hashed.hexdigest() != one:  # git does not look at that itself when it reads a pack
            raise ForkError(f"a file's content in `{where.folder}` is damaged")
        yield one, data
        at = end + 1 + size + 1


def export(where: SnapshotDir, tree: str, only: Sequence[str], folder: Path) -> list[str]:
    """Write files of a snapshot beneath `folder`, as they would lie in the project; a symbolic link as a file that
    holds where it points. Returns the paths that the snapshot has. Raises ForkError."""
    wanted = {path for path in only if _is_plain(path)}
    found = {path: entry for path, entry in entries(where, tree, only).items() if path in wanted} if only else {}
    by_id: dict[str, list[str]] = {}
    for path, entry in found.items():
        by_id.setdefault(entry.id, []).append(path)
    try:
        for upper in (folder.parent.parent, folder.parent, folder):
            _make(upper)
        for one, data in blobs(where, by_id):
            for path in by_id[one]:
                _export(folder, path, data)
    except OSError as error:
        raise ForkError(f"the files could not be written to {folder}: {error.strerror}") from error
    return sorted(found)


def _make(folder: Path) -> None:
    """Make a directory. Raises OSError for a link in its place, which could lead anywhere."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is a symbolic link")


def _export(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    upper = folder
    for part in target.relative_to(folder).parts[:-1]:
        upper = upper / part
        _make(upper)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)

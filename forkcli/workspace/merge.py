"""Merges two snapshots that came from a third, all or nothing, without looking at the project's files.

Each path is decided by itself. Where both sides changed a text, git merges its lines, given nothing but those contents:
no merge driver, no attribute of the project's and no guess about renamed files or directories takes part. A rename is
followed only where a file could not be merged otherwise and the new name is plain. Invariant: there is a tree or there
are conflicts, never both.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from forkcli.errors import ForkError
from forkcli.workspace import snapshots_read as reading
from forkcli.workspace.gitrun import complaint
from forkcli.workspace.snapshots_dir import SnapshotDir, known_id
from forkcli.workspace.snapshots_read import Delta, Entry

_ALIKE = "--find-renames=75%"
_CLASH = "a file on one side, a directory on the other"
_BOTH = "changed on both sides in the same place"
_DELETED = {"deleted here, changed there", "changed here, deleted there"}
_NO_ID = "0" * 40
_USAGE = 129  # how git ends when it does not know an option

Deltas = Mapping[str, Delta]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that could not be brought together, and why, in words in which "here" is `ours` and "there" `theirs`."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The tree that holds both sides' changes, or None and the conflicts. `renamed`: old and new names of files that
    one side renamed and the other changed, and that are merged under the new name."""

    tree: str | None
    conflicts: tuple[Conflict, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Work:
    """A merge on its way: what `ours` has to take over, what git has to merge, and what does not go together."""

    take: dict[str, Entry | None] = field(default_factory=dict)
    contents: dict[str, tuple[Entry, Entry, Entry]] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    renamed: list[tuple[str, str]] = field(default_factory=list)


def merge(where: SnapshotDir, base: str, ours: str, theirs: str) -> Merged:
    """Bring the changes from `base` to `theirs` into `ours`. Raises ForkError where a snapshot is missing."""
    base, ours, theirs = known_id(base), known_id(ours), known_id(theirs)
    if theirs in {base, ours}:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    here = {delta.path: delta for delta in reading.deltas(where, base, ours)}
    there = {delta.path: delta for delta in reading.deltas(where, base, theirs)}
    work = _Work()
    for path, delta in there.items():
        _decide(work, path, here.get(path), delta)
    if work.conflicts and set(work.conflicts.values()) <= _DELETED:
        _follow(work, (here, there), (_renames(where, base, ours, here), _renames(where, base, theirs, there)))
    work.conflicts |= dict.fromkeys(_clashes(here, there) - set(work.conflicts), _CLASH)
    if not work.conflicts:
        _merge_contents(where, work)
    if work.conflicts:
        return Merged(None, tuple(Conflict(path, why) for path, why in sorted(work.conflicts.items())))
    return Merged(_compose(where, ours, work.take), renamed=tuple(sorted(work.renamed)))


def _decide(work: _Work, path: str, here: Delta | None, there: Delta) -> None:
    """What becomes of a path that `theirs` changed."""
    if here is None:
        work.take[path] = there.new
    elif here.new == there.new:
        return
    elif there.old is None:
        work.conflicts[path] = "added on both sides, differently"
    elif here.new is None:
        work.conflicts[path] = "deleted here, changed there"
    elif there.new is None:
        work.conflicts[path] = "changed here, deleted there"
    else:
        _decide_content(work, path, there.old, here.new, there.new)


def _decide_content(work: _Work, path: str, base: Entry, ours: Entry, theirs: Entry) -> None:
    """A path that all three have, in three different states."""
    if base.is_link or ours.is_link or theirs.is_link:
        mixed = ours.is_link != theirs.is_link
        work.conflicts[path] = "a symbolic link on one side, a file on the other" if mixed else _BOTH
        return
    mode = theirs.mode if ours.mode == base.mode else ours.mode
    if ours.id == base.id:
        work.take[path] = Entry(mode, theirs.id)
    elif theirs.id in {base.id, ours.id}:
        work.take[path] = Entry(mode, ours.id)
    else:
        work.contents[path] = (base, Entry(mode, ours.id), theirs)


def _follow(work: _Work, sides: tuple[Deltas, Deltas], renames: tuple[Mapping[str, str], Mapping[str, str]]) -> None:
    """Merge what one side renamed, nearly unchanged, and the other changed, under the new name."""
    for old in list(work.conflicts):
        mover = 0 if sides[0][old].new is None else 1
        new = renames[mover].get(old)
        origin, other = sides[mover][old].old, sides[1 - mover][old].new
        if new is None or origin is None or other is None or new in sides[1 - mover]:
            continue
        moved = sides[mover][new].new
        if moved is None or moved.is_link or origin.is_link or other.is_link:
            continue
        del work.conflicts[old]
        work.take.pop(new, None)
        if mover == 1:
            work.take[old] = None
        work.renamed.append((old, new))
        if moved.id == origin.id and moved.mode == origin.mode:
            work.take[new] = other
        else:
            _decide_content(work, new, origin, moved, other)


def _renames(where: SnapshotDir, old: str, new: str, deltas: Deltas) -> dict[str, str]:
    if not any(delta.new is None for delta in deltas.values()):
        return {}
    out = where.git("diff-tree", "-r", "-z", "--name-status", _ALIKE, "--diff-filter=R", old, new)
    words = [os.fsdecode(word) for word in out.split(b"\0")]
    return dict(zip(words[1::3], words[2::3], strict=False))


def _clashes(here: Deltas, there: Deltas) -> set[str]:
    """Names that would be a file and a directory: only what both sides added can come to that unnoticed."""
    mine, others = ({path for path, delta in side.items() if delta.new is not None} for side in (here, there))
    return _upper(mine, others) | _upper(others, mine)


def _upper(files: set[str], beneath: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in beneath:
        upper = path.rpartition("/")[0]
        while upper:
            if upper in files:
                found.add(upper)
            upper = upper.rpartition("/")[0]
    return found


def _merge_contents(where: SnapshotDir, work: _Work) -> None:
    """Let git merge the texts. It sees three directories with the same names, so it finds nothing renamed."""
    if not work.contents:
        return
    paths = sorted(work.contents)
    trees = [_numbered(where, [work.contents[path][side] for path in paths]) for side in range(3)]
    root = _commit(where, trees[0])
    ran = where.ask(
        "merge-tree", "--write-tree", "-z", "--no-messages", *(_commit(where, tree, root) for tree in trees[1:])
    )
    if ran.code == _USAGE:
        raise ForkError(
            "this git is too old to merge files that were changed on both sides", "install git 2.38 or newer"
        )
    if ran.code not in {0, 1} or ran.cut:
        raise ForkError(complaint(ran))
    tree, *lines = ran.out.split(b"\0")
    unmerged = {int(line.partition(b"\t")[2]) for line in lines if line}
    if ran.code == 1 and not unmerged:
        raise ForkError("git could not merge the files and did not say which")
    done = reading.entries(where, tree.decode("ascii"))
    for number, path in enumerate(paths):
        if number in unmerged:
            work.conflicts[path] = _BOTH
        else:
            work.take[path] = Entry(work.contents[path][1].mode, done[str(number)].id)


def _numbered(where: SnapshotDir, entries: list[Entry]) -> str:
    """A directory with these files, called by their numbers."""
    lines = "".join(f"100644 blob {entry.id}\t{number}\0" for number, entry in enumerate(entries))
    return where.git("mktree", "-z", stdin=lines.encode("ascii")).decode("ascii").strip()


def _commit(where: SnapshotDir, tree: str, *parents: str) -> str:
    """A commit that nothing refers to: what git's merge wants to be given. Its id depends on its arguments alone."""
    options = [word for parent in parents for word in ("-p", parent)]
    return where.git("commit-tree", tree, *options, "-m", "snapshot").decode("ascii").strip()


def _compose(where: SnapshotDir, tree: str, take: Mapping[str, Entry | None]) -> str:
    """The tree with some files replaced, added and removed."""
    index = where.folder / "indexes" / f".merge.{secrets.token_hex(8)}"
    removed = [b"0 %s\t%s\0" % (_NO_ID.encode(), os.fsencode(path)) for path, entry in take.items() if entry is None]
    added = [
        b"%o %s\t%s\0" % (entry.mode, entry.id.encode("ascii"), os.fsencode(path))
        for path, entry in take.items()
        if entry is not None
    ]
    try:
        where.git("read-tree", tree, GIT_INDEX_FILE=str(index))
        where.git("update-index", "-z", "--index-info", stdin=b"".join(removed + added), GIT_INDEX_FILE=str(index))
        return where.git("write-tree", GIT_INDEX_FILE=str(index)).decode("ascii").strip()
    finally:
        for path in (index, index.with_name(f"{index.name}.lock")):
            path.unlink(missing_ok=True)

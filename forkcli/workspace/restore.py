"""Brings the project's files from one snapshot to another: for merging back, for rewinding, and after a crash.

Everything is looked at before anything is written; a file that is not what the first snapshot says is a conflict, and
then nothing is written. What no snapshot holds is never touched. Invariant: a change is done whole or not at all, also
when the process is killed in the middle of it and the next one calls `recover`.
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from forkcli.workspace import snapshots_read as reading
from forkcli.workspace.journal import only_one, unfinished
from forkcli.workspace.restore_change import Applied, Change, Place
from forkcli.workspace.snapshots import Snapshots, file_name

__all__ = ["Applied", "Place", "apply", "place_of", "recover"]


def place_of(snapshots: Snapshots, agent: str = "", tree: Path | None = None) -> Place:
    """The project's own files, or the copy of them that `agent` works on and that is visible at `tree`."""
    where = snapshots.where
    if tree is None:
        return Place(where.project, where.scratch_dir / "journal")
    return Place(tree, where.scratch_dir / "journals" / file_name(agent))


def apply(
    snapshots: Snapshots,
    old: str,
    new: str,
    what: str,
    *,
    keep_edited: bool = False,
    place: Place | None = None,
    leave: Collection[str] = (),
) -> Applied:
    """Bring the files (the project's own, unless `place` says others) from the snapshot `old` to `new`.

    `what` says what it is, in words such as "merge of f2". Paths in `leave` are not looked at. With `keep_edited`,
    files that are not as `old` says stay as they are and the others are written; else any such file is a conflict, and
    nothing is written. Raises ForkError: STORAGE when the disk is full, and nothing is changed then.
    """
    place = place or place_of(snapshots)
    deltas = [delta for delta in reading.deltas(snapshots.where, old, new) if delta.path not in leave]
    with only_one(place.journals), closing(Change(snapshots.where, place)) as change:
        notes = tuple(change.recover())
        applied = change.apply(deltas, old, what, keep=keep_edited)
        return replace(applied, notes=(*notes, *applied.notes))


def recover(snapshots: Snapshots, place: Place | None = None) -> list[str]:
    """Finish or undo what a killed process left half-way; a sentence for each. Costs nothing where there is nothing."""
    place = place or place_of(snapshots)
    if not unfinished(place.journals):
        return []
    with only_one(place.journals), closing(Change(snapshots.where, place)) as change:
        return change.recover()

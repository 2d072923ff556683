"""Decides what has to be written to bring the project's files from one snapshot to another, and what forbids it.

It looks and changes nothing. Invariant: a path is only planned if the very content that the first snapshot names lies
there, or nothing where it names nothing; everything else is a conflict, or is done already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forkcli.workspace.merge import Conflict
from forkcli.workspace.restore_disk import Disk, Found, refuse_foreign_path
from forkcli.workspace.snapshots_read import Delta

EDITED = "edited meanwhile"


@dataclass(frozen=True, slots=True)
class Step:
    """One path to change: `number` is its place among the deltas, `stamp` that of the file that lies there."""

    number: int
    delta: Delta
    stamp: tuple[int, int, int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, what stands against it, and how many paths are as wanted already."""

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    done: int


def plan(disk: Disk, deltas: Sequence[Delta], sizes: Mapping[str, int]) -> Plan:
    """Look at every path. `sizes`: of the blobs, in bytes. Raises ForkError for a path that is never written."""
    removed = frozenset(delta.path for delta in deltas if delta.new is None)
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    for number, delta in enumerate(deltas):
        refuse_foreign_path(delta.path)
        known = frozenset(sizes[entry.id] for entry in (delta.old, delta.new) if entry and entry.id in sizes)
        found = disk.look(delta.path, known)
        if found.entry == delta.new and (found.entry is not None or found.kind == "absent"):
            continue
        why = _against(disk, delta, found, removed)
        if why:
            conflicts.append(Conflict(delta.path, why))
        else:
            steps.append(Step(number, delta, found.stamp))
    return Plan(tuple(steps), tuple(conflicts), len(deltas) - len(steps) - len(conflicts))


def _against(disk: Disk, delta: Delta, found: Found, removed: frozenset[str]) -> str:
    """Why a path cannot be changed; nothing where it can."""
    if delta.old is not None:
        if found.entry == delta.old:
            return ""
        return "deleted meanwhile" if found.kind == "absent" else EDITED
    if found.kind == "absent":
        free = not found.blocker or found.blocker in removed
        return "" if free else f"{found.blocker} is in its way and in no snapshot"
    if found.kind == "folder":
        other = next((path for path in disk.beneath(delta.path) if path not in removed), None)
        return "" if other is None else f"a directory is in its way that holds {other}"
    return "a file is in its way that is in no snapshot"


def in_order(steps: Sequence[Step]) -> list[Step]:
    """The steps in an order in which each can be done: what frees a name first, then files, then removals."""
    added = {step.delta.path for step in steps if step.delta.new is not None}
    folders = {upper for path in added for upper in _above(path)}
    first: list[Step] = []
    last: list[Step] = []
    for step in steps:
        path = step.delta.path
        if step.delta.new is None:
            frees = path in folders or any(upper in added for upper in _above(path))
            (first if frees else last).append(step)
    return [*first, *(step for step in steps if step.delta.new is not None), *last]


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]

"""The files of an agent as they were at an earlier entry: what going back would change, and going back.

What the agent did to its files is undone, by whatever command it was done. What the user changed meanwhile is found by
comparing snapshots between which the agent could not write, and is only replaced if that is asked for. Invariant:
before a file is changed, a snapshot of all of them is on record, to which one can go back in turn.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from forkcli.app.aside import aside, whole
from forkcli.app.keeping import FilesKeeper
from forkcli.app.merging import Merging
from forkcli.core.entries import Snapshot
from forkcli.core.events import Warned
from forkcli.core.file_plan import FilesPlan, OnEdit, PathChange, Restored, Unrestored, in_the_way
from forkcli.core.ids import Seq
from forkcli.core.outside import ran_outside
from forkcli.core.timeline import Mark, Timeline, told_changes
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace, added_roots
from forkcli.workspace.merge import Conflict
from forkcli.workspace.restore import Applied, apply
from forkcli.workspace.snapshots import Change, Snapshots

NAMED = 20  # ignored paths, or commands, that are named one by one
TRIES = 3  # how often files are looked at again that change while they are being replaced
UNKNOWN = "no snapshot of the files is known there"


@dataclass(frozen=True, slots=True)
class Now:
    """The files now, against what they were: the snapshot that holds there, and whose doing the differences are."""

    mark: Mark
    taken: Snapshot
    changes: tuple[Change, ...]
    yours: frozenset[str]  # paths that the user (or a job) changed since, with or without the agent
    jobs: bool  # one ran meanwhile


@dataclass(frozen=True, slots=True)
class GoingBack:
    """For all agents of one session."""

    merging: Merging

    async def preview(self, agent: Agent, rig: Rig, to: Seq) -> FilesPlan:
        """What restoring the files of entry `to` would do. Raises ForkError where the files cannot be looked at."""
        now = await self._now(agent, rig, to)
        if now is None:
            return FilesPlan(unknown=UNKNOWN)
        changes = tuple(_told(change, now.yours) for change in now.changes)
        return FilesPlan(changes, await self._beyond(agent, rig, now, to), jobs=now.jobs)

    async def changed_since(self, agent: Agent, rig: Rig, to: Seq) -> tuple[str, ...]:
        """Paths that differ now from what they were at entry `to`; where no snapshot tells, those that tools named."""
        try:
            now = await self._now(agent, rig, to)
        except ForkError:
            now = None
        if now is None:
            return told_changes(agent.history.entries, to)
        return tuple(change.path for change in now.changes)

    async def restore(self, agent: Agent, rig: Rig, to: Seq, on_edit: OnEdit = "stop") -> Restored:
        """Bring the files back to what they were at entry `to`: all of them, or with a conflict none.

        Of files that the user changed since: `stop` makes each a conflict, `keep` leaves them as they are, `replace`
        replaces them. To call it again after a crash finishes what it began. Raises ForkError: nothing is known of the
        files there, or they cannot be written; then none is changed.
        """
        if isinstance(rig.workspace, ForkWorkspace) and rig.workspace.kind == "view":
            raise ForkError(f"{agent.id} has read access: the files that it sees are not its own, and stay as they are")
        now = await self._now(agent, rig, to)
        if now is None:
            raise ForkError(
                f"the files of {agent.id} at {to} cannot be restored: {UNKNOWN}", "the conversation alone can go back"
            )
        changed = {change.path for change in now.changes}
        yours = in_the_way(sorted(now.yours & changed), jobs=now.jobs)
        head = _head(agent)
        if not changed or (on_edit == "stop" and yours):
            before = self._note(agent, now.taken, head)
            return Restored(done=not changed, before=before, conflicts=yours)
        beyond = await self._beyond(agent, rig, now, to)
        async with self.merging.turn:
            return replace(await whole(self._restore(agent, rig, now, to, on_edit, yours)), beyond=beyond)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _now(self, agent: Agent, rig: Rig, to: Seq) -> Now | None:
        """None where no snapshot holds at entry `to`."""
        taken = await self._taken(agent, rig)
        timeline = Timeline.of(agent.history.entries)
        mark = timeline.at(to) or timeline.now(to, taken)
        if mark is None:
            return None
        spans = timeline.spans(mark)
        pairs = [(one.tree, other.tree) for one, other in spans]
        newest, jobs = timeline.newest, any(other.jobs for _, other in spans)
        if newest is not None and newest.tree != taken.tree:
            pairs.append((newest.tree, taken.tree))
            jobs = jobs or timeline.worked
        torn = timeline.torn.tree if timeline.torn is not None else ""
        compare = partial(_compared, self.merging.snapshots, mark.tree, taken.tree, pairs, torn)
        changes, yours = await aside(compare)
        return Now(mark, taken, changes, yours, jobs)

    async def _beyond(self, agent: Agent, rig: Rig, now: Now, to: Seq) -> tuple[str, ...]:
        """What does not go back to what it was at entry `to`, since no snapshot holds it."""
        workspace = rig.workspace
        run = workspace.git_run if isinstance(workspace, ForkWorkspace) else None
        ignored = await aside(partial(self.merging.snapshots.ignored, self.merging.name(agent.id), run))
        found = [f"{path}: ignored by git" for path in ignored[:NAMED]]
        if len(ignored) > NAMED:
            found.append(f"{len(ignored) - NAMED} more ignored files and directories")
        found += [f"{root}: outside of the project" for root in added_roots(workspace)]
        excluded = dict.fromkeys((*now.mark.excluded, *now.taken.excluded))
        return (*_outside(agent, to), *excluded, *found)

    async def _taken(self, agent: Agent, rig: Rig) -> Snapshot:
        if isinstance(rig.keeper, FilesKeeper):
            await rig.keeper.rest()
            return await rig.keeper.taken()
        return await self.merging.take(agent.id, rig)

    # --- changing -----------------------------------------------------------------------------------------------------

    async def _restore(
        self, agent: Agent, rig: Rig, now: Now, to: Seq, on_edit: OnEdit, yours: tuple[Unrestored, ...]
    ) -> Restored:
        """Bring the files from what was just noted to what they were; again, if they change at that very moment."""
        place, snapshots = self.merging.place(agent.id, rig), self.merging.snapshots
        keep = on_edit == "keep"
        leave = now.yours if keep else frozenset()
        taken, tries = now.taken, TRIES if on_edit == "replace" else 1
        before = self._note(agent, replace(taken, restore="before"), _head(agent))
        for left in reversed(range(tries)):
            trees = taken.tree, now.mark.tree
            change = partial(apply, snapshots, *trees, f"return to {to}", keep_edited=keep, place=place, leave=leave)
            applied = await aside(change)
            if applied.done or not left:
                break
            taken = await self._taken(agent, rig)
            before = self._note(agent, replace(taken, restore="before"), _head(agent))
        for note in applied.notes:
            agent.emit(Warned(agent.id, note))
        after = await self._taken(agent, rig)
        self._note(agent, replace(after, restore="after"), before)
        return _restored(applied, before, yours if keep else ())

    def _note(self, agent: Agent, taken: Snapshot, of: Seq) -> Seq:
        """Put a snapshot on record; the number of its entry."""
        (entry,) = agent.record(replace(taken, of_seq=of))
        return entry.seq


def _compared(
    snapshots: Snapshots, old: str, new: str, pairs: list[tuple[str, str]], torn: str
) -> tuple[tuple[Change, ...], frozenset[str]]:
    """How two snapshots differ, and the paths by which the two of any of `pairs` do.

    After a return to `old` was cut, what is neither as before it (`torn`) nor as it was to become is the user's too.
    """
    changes = tuple(snapshots.changes(old, new)) if old != new else ()
    yours = frozenset[str]().union(*(snapshots.touched(*pair) for pair in pairs))
    if torn:
        yours |= snapshots.touched(torn, new) & {change.path for change in changes}
    return changes, yours


def _told(change: Change, yours: frozenset[str]) -> PathChange:
    since: Literal["added", "modified", "deleted"] = "modified"
    if change.kind in {"added", "deleted"}:
        since = "added" if change.kind == "added" else "deleted"
    added, removed = (None, None) if change.binary else (change.added, change.removed)
    return PathChange(change.path, since, added, removed, yours=change.path in yours)


def _restored(applied: Applied, before: Seq, kept: tuple[Unrestored, ...]) -> Restored:
    return Restored(
        done=applied.done,
        before=before,
        restored=tuple(sorted({*applied.written, *applied.deleted})),
        removed=tuple(sorted({*applied.deleted} - {*applied.written})),
        kept=(*kept, *map(_unrestored, applied.kept)),
        conflicts=tuple(map(_unrestored, applied.conflicts)),
    )


def _unrestored(conflict: Conflict) -> Unrestored:
    return Unrestored(conflict.path, conflict.why)


def _head(agent: Agent) -> Seq:
    return agent.history.entries[-1].seq


def _outside(agent: Agent, to: Seq) -> list[str]:
    """What is said of commands that ran outside of the sandbox since."""
    commands = ran_outside(agent.history.entries, to)
    told = [f"`{command}`: ran outside of the sandbox, what it did elsewhere stays" for command in commands[:NAMED]]
    if len(commands) > NAMED:
        told.append(f"what {len(commands) - NAMED} more commands did that ran outside of the sandbox")
    return told

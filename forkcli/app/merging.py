"""The files of forks: what they were at the fork, what a child made of them, and how that comes back to its parent.

All of it goes through the snapshots; the user's git directory is never touched. What cannot be brought together stays
with the child, and is said.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from forkcli.app.aside import aside
from forkcli.core.entries import Merge, Order, Report, Snapshot
from forkcli.core.events import Warned
from forkcli.core.ids import AgentId, Seq, SessionId
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace, look_ahead
from forkcli.workspace.checkout import checkout
from forkcli.workspace.project import is_risky_root
from forkcli.workspace.restore import Place, apply, place_of, recover
from forkcli.workspace.snapshots import Snapshot as Taken
from forkcli.workspace.snapshots import Snapshots

SHOWN = 200  # paths that a merge entry names
NOTE_S = 0.2  # how long noting what the files of a waiting parent are is put off
CLOSE_S = 1.0  # how long snapshots that are being taken may go on when the session is closed


@dataclass(slots=True)
class Merging:
    """The snapshots of one session's agents."""

    scratch: Path
    project: Path
    session: SessionId
    snapshots: Snapshots = field(init=False)
    bases: dict[tuple[AgentId, Seq], asyncio.Task[str]] = field(default_factory=dict)
    put_off_s: float = NOTE_S
    wanted: dict[tuple[AgentId, Seq], asyncio.Event] = field(default_factory=dict)  # somebody waits for the base
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one merge into the project at a time
    taking: set[asyncio.Task[None]] = field(default_factory=set)  # snapshots that keepers take, and what is foreseen
    foreseen: bool = False
    begun: set[AgentId] = field(default_factory=set)  # forks whose snapshots were begun from that of their parent
    said: set[str] = field(default_factory=set)  # warnings that were given, so that each is given once

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.scratch, self.project)

    # --- what the files were ----------------------------------------------------------------------------------------

    def note(self, parent: Agent, rig: Rig, seq: Seq, *, waits: bool = False) -> None:
        """Begin to take the snapshot that belongs to entry `seq`, if there is none yet.

        `waits`: the parent changes nothing meanwhile, so this lets its forks' first requests go ahead, until somebody
        asks for it.
        """
        key = (parent.id, seq)
        if seq not in parent.history.trees and key not in self.bases:
            self.wanted[key] = asyncio.Event()
            self.bases[key] = asyncio.create_task(self._note(parent, rig, seq, self.put_off_s if waits else 0))

    def foresee(self, parent: Agent, rig: Rig) -> None:
        """Find out meanwhile what kind of files forks can have, so that the first one does not wait for it."""
        if not self.foreseen:
            self.foreseen = True
            task = asyncio.create_task(aside(partial(look_ahead, rig.workspace, parent.files.folder)))
            self.taking.add(task)
            task.add_done_callback(self.taking.discard)

    async def base(self, parent: Agent, rig: Rig, seq: Seq) -> str:
        """The snapshot of the parent's files at entry `seq`, taken now if a crash came first. Raises ForkError."""
        if seq in parent.history.trees:
            return parent.history.trees[seq]
        self.note(parent, rig, seq)
        self.wanted[parent.id, seq].set()
        return await asyncio.shield(self.bases[parent.id, seq])

    async def close(self) -> None:
        """Let go of snapshots that nobody waits for any more: they are taken when they are needed."""
        if self.taking:
            await asyncio.wait(self.taking, timeout=CLOSE_S)
        left = [*self.bases.values(), *self.taking]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _note(self, parent: Agent, rig: Rig, seq: Seq, put_off_s: float) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(put_off_s):
                await self.wanted[parent.id, seq].wait()
        taken = await self.take(parent.id, rig)
        parent.record(Snapshot(seq, taken.tree, taken.excluded))
        return taken.tree

    async def take(self, agent: AgentId, rig: Rig) -> Snapshot:
        """The files of an agent as they are now; `of_seq` is still to be said. Raises ForkError."""
        if is_risky_root(self.project):
            raise ForkError(f"{self.project} is no project, so its files are not kept in snapshots")
        workspace = rig.workspace
        name = self.name(agent)

        def work() -> Taken:
            recover(self.snapshots, self.place(agent, rig))
            if isinstance(workspace, ForkWorkspace):
                return self.snapshots.take(name, workspace.seen, workspace.git_run)
            return self.snapshots.take(name)

        found = await aside(work)
        return Snapshot(Seq(0), found.tree, tuple(f"{one.path}: {one.why}" for one in found.excluded[:SHOWN]))

    def name(self, agent: AgentId) -> str:
        """An agent's name, unique in the project."""
        return f"{self.session}/{agent}"

    def place(self, agent: AgentId, rig: Rig) -> Place:
        """Where an agent's files are, and the journals of their changes."""
        workspace = rig.workspace
        if isinstance(workspace, ForkWorkspace) and workspace.kind != "view":
            return place_of(self.snapshots, self.name(agent), workspace.seen)
        return place_of(self.snapshots)

    def mend(self, agent: Agent, rig: Rig) -> None:
        """Finish or undo what a killed process left half-way in an agent's files, and say so. It blocks, if need be."""
        try:
            notes = recover(self.snapshots, self.place(agent.id, rig))
        except ForkError as error:
            notes = [error.sentence]
        for note in notes:
            agent.emit(Warned(agent.id, note))

    async def own(self, child: Agent, rig: Rig, base: str, like: AgentId) -> Snapshot:
        """The files of a fork, whose copy began as the snapshot `base` of its parent `like`."""
        workspace = rig.workspace
        if isinstance(workspace, ForkWorkspace) and workspace.changed_paths() == ():
            return Snapshot(Seq(0), base)
        if child.id not in self.begun:
            await aside(lambda: self.snapshots.begin(self.name(child.id), base, self.name(like)))
            self.begun.add(child.id)
        return await self.take(child.id, rig)

    # --- what a child made of them ------------------------------------------------------------------------------------

    def checkout(self, tree: str, folder: Path) -> None:
        """Bring a snapshot into an empty folder."""
        checkout(self.snapshots, tree, folder)

    async def made(self, parent: Agent, rig: Rig, child: Agent, own: Rig, seq: Seq) -> str:
        """The snapshot of a child's files; empty if it has none of its own, the base if it touched nothing."""
        workspace = own.workspace
        if not isinstance(workspace, ForkWorkspace) or workspace.kind == "view":
            return ""
        base = await self.base(parent, rig, seq)
        return (await self.own(child, own, base, parent.id)).tree

    async def diff(self, base: str, tree: str) -> str:
        """What a child changed, as a unified diff."""
        return await asyncio.to_thread(self.snapshots.diff, base, tree)

    # --- how it comes back --------------------------------------------------------------------------------------------

    async def bring(self, parent: Agent, rig: Rig, order: Order, report: Report) -> Merge:
        """Merge one child's files into its parent's: all of them, or none."""
        base = await self.base(parent, rig, order.from_seq)
        if report.tree in {"", base}:
            return Merge(report.agent, "nothing")
        async with self.turn:
            head, taken = parent.history.entries[-1].seq, await self.take(parent.id, rig)
            ours = taken.tree
            merged = await asyncio.to_thread(self.snapshots.merge, base, ours, report.tree)
            if merged.tree == ours:  # all of it is there: a killed merge was done, or somebody made the same changes
                changed = await asyncio.to_thread(self.snapshots.touched, base, report.tree)
                return Merge(report.agent, "merged", tuple(sorted(changed))[:SHOWN])
            if ours not in parent.history.trees.values():  # the user edited them since: on record as theirs
                parent.record(replace(taken, of_seq=head), sync=False)
            if merged.tree is None:
                paths = [conflict.path for conflict in merged.conflicts]
                return await self._conflict(parent, report, base, ours, paths)
            what = f"merge of {report.agent}"
            applied = await asyncio.to_thread(
                apply, self.snapshots, ours, merged.tree, what, place=self.place(parent.id, rig)
            )
        for note in applied.notes:
            parent.emit(Warned(parent.id, note))
        if not applied.done:
            return await self._conflict(parent, report, base, ours, [conflict.path for conflict in applied.conflicts])
        return Merge(report.agent, "merged", tuple(sorted({*applied.written, *applied.deleted}))[:SHOWN])

    async def _conflict(self, parent: Agent, report: Report, base: str, ours: str, paths: list[str]) -> Merge:
        """Nothing was merged: the three versions of each path in conflict lie side by side to be read."""
        where = parent.files.folder.parent / report.agent / "conflict"
        for name, tree in (("base", base), ("here", ours), (str(report.agent), report.tree)):
            await asyncio.to_thread(self.snapshots.export, tree, paths, where / name)
        shown = str(where.relative_to(self.project))
        return Merge(report.agent, "conflict", tuple(paths[:SHOWN]), shown)

"""Notes what an agent's files are at its checkpoints, while the model answers, so that a rewind can bring them back.

After a checkpoint that follows a call which can write, a snapshot begins at once. After a prompt it begins when a call
that can write is seen coming: a turn that only reads takes none. Invariant: no such call starts before the snapshot of
the checkpoint is on record or has failed; a failure is said, and ends no turn.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from forkcli.app.merging import Merging
from forkcli.core.entries import Snapshot
from forkcli.core.events import Warned
from forkcli.core.ids import AgentId, Seq
from forkcli.core.timeline import HARMLESS, Timeline
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace

SLOW_S = 2.0  # after that the user is told what is waited for
LEAVE_S = 0.5  # how long a snapshot is waited for that the next process can take as well
SLOW = "the files are being noted before they are changed, which takes a while in a project of this size"


class FilesKeeper:
    """Fills `engine.rig.Keeper` for one agent."""

    def __init__(
        self,
        merging: Merging,
        agent: Agent,
        rig: Rig,
        *,
        parent: AgentId | None = None,
        base: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """`base`, of a fork with files of its own, gives the snapshot of its `parent` that they began as."""
        self._merging = merging
        self._agent = agent
        self._rig = rig
        self._parent = parent
        self._base = base
        entries = agent.history.entries
        self._timeline = Timeline.after(entries.shared)
        self._wanted: Seq | None = None  # the checkpoint whose snapshot is still to begin
        self._task: asyncio.Task[None] | None = None
        self._fresh = True  # nothing was sealed or noted by this process

    def heir(self, agent: Agent, rig: Rig) -> "FilesKeeper | None":
        """The keeper of a relative; None for one that can change nothing."""
        if isinstance(rig.workspace, ForkWorkspace) and rig.workspace.kind == "view":
            return None
        return FilesKeeper(self._merging, agent, rig)

    # --- what the engine tells ------------------------------------------------------------------------------------

    def sealed(self) -> None:
        """A checkpoint is on record."""
        timeline = self._look()
        self._fresh = False
        if self._taking:
            return
        if not (timeline.dirt or timeline.jobs):
            self._wanted = None
            return
        self._wanted = self._wanted or self._head
        if timeline.dirt == "written" or timeline.jobs:
            self._begin(self._wanted)

    def coming(self, tool: str) -> None:
        """The model has begun to write a call."""
        if tool not in HARMLESS and self._wanted is not None and not self._taking:
            self._begin(self._wanted)

    async def before_write(self) -> None:
        """Return when the snapshot of the newest checkpoint is on record, or has failed."""
        if self._fresh:  # the turn of another process goes on here
            self._fresh = False
            self._wanted = self._head if self._look().dirt else None
        if self._wanted is not None and not self._taking:
            self._begin(self._wanted)
        await self.rest(told=True)

    def ended(self) -> None:
        """The turn is over: what it wrote since its last checkpoint is noted; a fork's files when it is closed."""
        self._wanted = None
        if self._look().dirt == "written" and self._base is None and not self._taking:
            self._begin(self._head)

    # --- what the files' other users ask -----------------------------------------------------------------------------

    async def rest(self, *, told: bool = False) -> None:
        """Until no snapshot is being taken."""
        task = self._task
        if task is None or task.done():
            return
        done, _ = await asyncio.wait({task}, timeout=SLOW_S if told else None)
        if not done:
            self._say(SLOW)
            await asyncio.wait({task})

    async def current(self) -> str:
        """The snapshot that holds now, since nothing could write after it; empty if there is none."""
        await self.rest()
        newest = self._look().newest
        return newest.tree if newest is not None and not self._timeline.worked else ""

    async def leave(self) -> None:
        """Let a snapshot that is being taken end, or let go of it if that takes long."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=LEAVE_S)
            self._task.cancel()

    # --- taking -------------------------------------------------------------------------------------------------------

    @property
    def _taking(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def _head(self) -> Seq:
        return self._agent.history.entries[-1].seq

    def _look(self) -> Timeline:
        self._timeline.read(self._agent.history.entries)
        return self._timeline

    def _begin(self, seq: Seq) -> None:
        self._wanted = None
        self._task = asyncio.create_task(self._note(seq), name=f"files of {self._agent.id}")
        self._merging.taking.add(self._task)
        self._task.add_done_callback(self._merging.taking.discard)

    async def _note(self, seq: Seq) -> None:
        try:
            taken = await self.taken()
            self._agent.record(replace(taken, of_seq=seq), sync=False)
        except ForkError as error:
            self._say(f"{error.sentence}: what is changed now cannot be taken back by a rewind")
        except OSError as error:
            self._say(f"the files could not be noted ({error.strerror}): what is changed now cannot be taken back")

    async def taken(self) -> Snapshot:
        """A snapshot of the agent's files as they are; `of_seq` is still to be said. Raises ForkError."""
        if self._base is None or self._parent is None:
            return await self._merging.take(self._agent.id, self._rig)
        return await self._merging.own(self._agent, self._rig, await self._base(), self._parent)

    def _say(self, sentence: str) -> None:
        if sentence not in self._merging.said:
            self._merging.said.add(sentence)
            self._agent.emit(Warned(self._agent.id, sentence))


def heir(keeper: object, agent: Agent, rig: Rig) -> FilesKeeper | None:
    """The keeper of an agent whose relative has `keeper`."""
    return keeper.heir(agent, rig) if isinstance(keeper, FilesKeeper) else None

"""Makes the forks of a session: their files, their workspace, what they are told; and brings their work back."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from forkcli import __version__
from forkcli.app.aside import aside
from forkcli.app.crew import Surroundings, fork_rig
from forkcli.app.keeping import FilesKeeper
from forkcli.app.merging import Merging
from forkcli.app.onboarding import Onboarding, means_told
from forkcli.core.entries import Body, Child, Fork, Interrupt, Merge, Notice, Order, Prompt, Report, Resume, Spawn
from forkcli.core.events import Warned
from forkcli.core.forking import narrower, opening, others
from forkcli.core.history import History
from forkcli.core.ids import MAIN, AgentId, SessionId, is_agent_id
from forkcli.core.messages import quoted, text_block
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.models.names import ALIASES, full_name
from forkcli.prompts import filled
from forkcli.store.agent_files import create_agent, is_begun, open_agent
from forkcli.store.files import claim_folder
from forkcli.workspace.base import ForkWorkspace, open_fork

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]{0,127}")
KINDS = "fs"  # what ids begin with: one counter for all
LAYERS = "layers"  # where a fork's own files lie, in its folder


@dataclass(frozen=True, slots=True)
class ForkNursery:
    """Fills `engine.brood.Nursery` for one session."""

    around: Surroundings
    session: SessionId
    merging: Merging

    @property
    def onboarding(self) -> Onboarding:
        """What spawned agents are told."""
        return Onboarding(self.around.settings, self.around.scratch, self.session)

    def next_number(self, history: History) -> int:
        """The number of the next agent's id: one above all that were ever allotted in this session."""
        agents = self.around.scratch.agent_folder(self.session, MAIN).parent
        allotted = [*(item.name for item in agents.iterdir()), *history.forks]
        return max((int(name[1:]) for name in allotted if is_agent_id(name) and name != MAIN), default=0) + 1

    def reserve(self, names: Sequence[AgentId]) -> bool:
        """Make the folders that these ids stand for; all of them, or none where one of the numbers is taken."""
        made: list[Path] = []
        for name in names:
            folder = self.around.scratch.agent_folder(self.session, name)
            number = name[1:]
            taken = any(folder.with_name(f"{kind}{number}").exists() for kind in KINDS if kind != name[0])
            if taken or not claim_folder(folder):
                for one in made:
                    one.rmdir()
                return False
            made.append(folder)
        return True

    async def hatch(self, parent: Agent, rig: Rig, order: Order, child: Child, past: History) -> tuple[Agent, Rig]:
        """A child ready to run: made with its opening entries, or opened again where it was left."""
        folder = self.around.scratch.agent_folder(self.session, child.agent)
        opening = asyncio.create_task(self._workspace(parent, rig, order, child, folder))
        await asyncio.sleep(0)  # it begins in a thread of its own, and goes on while the history is written
        try:
            agent = self._begun(parent, rig, order, child, past, folder)
        except BaseException:
            await _closed(opening)
            raise
        try:
            workspace = await opening
        except BaseException:
            agent.files.close()
            raise
        if workspace.notes and not agent.history.own_steps:
            agent.record(Notice(" ".join(workspace.notes)))
        own = fork_rig(self.around, agent, workspace, rig)
        if workspace.kind != "view":
            base = partial(self.merging.base, parent, rig, order.from_seq)
            own.keeper = FilesKeeper(self.merging, agent, own, parent=parent.id, base=base)
            await aside(partial(self.merging.mend, agent, own))
        return agent, own

    def _begun(self, parent: Agent, rig: Rig, order: Order, child: Child, past: History, folder: Path) -> Agent:
        """A child with its opening entries on record, by this process or by an earlier one."""
        told = self._opening(parent, rig, order, child, past)
        if is_begun(folder):
            return self._reopened(parent, child, folder, past, told)
        agent = Agent(child.agent, create_agent(folder, first_seq=past.next_seq), past.branch(), parent.emit)
        agent.record(*told)
        return agent

    def _reopened(self, parent: Agent, child: Child, folder: Path, past: History, told: Sequence[Body]) -> Agent:
        """A child as it was left. What a crash cut off its opening is told now; what stopped all of fork is over."""
        files, history, damage = open_agent(folder, past=past)
        agent = Agent(child.agent, files, history, parent.emit)
        for found in damage:
            agent.emit(Warned(agent.id, f"line {found.line_no} of its history is damaged ({found.reason})"))
        begun = len(history.entries.own)
        if begun < len(told) and not damage:
            agent.record(*told[begun:])
        stopped = next((e.body for e in reversed(history.entries.own) if isinstance(e.body, Interrupt)), None)
        by_user = stopped is not None and stopped.by == "user"
        if history.halt is not None and history.halt.status in {"interrupted", "limit"} and not by_user:
            agent.record(Resume(__version__))
        return agent

    def foresee(self, parent: Agent, rig: Rig) -> None:
        """Find out meanwhile what files forks can have, once in a session."""
        if parent.history.access != "read":
            self.merging.foresee(parent, rig)

    def ordered(self, parent: Agent, rig: Rig, order: Order) -> None:
        """Begin to note what the files were, if a child may change its copy of them."""
        if any(narrower(child.access, parent.history.access) != "read" for child in order.children):
            self.merging.note(parent, rig, order.from_seq, waits=order.wait)

    async def leave(self, child: Agent, rig: Rig) -> None:
        """Let go of a child whose turn fork's own end has stopped: it is opened again with the session."""
        if isinstance(rig.keeper, FilesKeeper):
            await rig.keeper.leave()
        await rig.jobs.close()
        await rig.workspace.close()
        child.end()

    async def end(self, parent: Agent, above: Rig, child: Agent, rig: Rig, order: Order) -> str:
        """Close a child that has ended; the id of the snapshot of its files."""
        try:
            worked = bool(rig.jobs.running)
            await rig.jobs.close()
            known = await rig.keeper.current() if isinstance(rig.keeper, FilesKeeper) and not worked else ""
            return known or await self.merging.made(parent, above, child, rig, order.from_seq)
        finally:
            await rig.workspace.close()
            child.end()

    async def merge(self, parent: Agent, rig: Rig, order: Order, report: Report) -> Merge | None:
        """Bring a child's files into its parent's workspace; None for a child that has none of its own."""
        if not report.tree:
            return None
        if order.merge == "none":
            return Merge(report.agent, "kept")
        return await self.bring(parent, rig, order, report)

    async def bring(self, parent: Agent, rig: Rig, order: Order, report: Report) -> Merge:
        """The same, also for a child that was to keep them."""
        return await self.merging.bring(parent, rig, order, report)

    async def _workspace(self, parent: Agent, rig: Rig, order: Order, child: Child, folder: Path) -> ForkWorkspace:
        """The child's own files at the project's path. Raises ForkError where they cannot be kept apart."""
        access = narrower(child.access, parent.history.access)
        open_it = partial(open_fork, rig.workspace, folder / LAYERS, access=access, waits=order.wait)
        if access == "read":
            return await asyncio.to_thread(open_it)
        if order.wait:
            try:
                return await asyncio.to_thread(open_it)
            except ForkError:
                parent.emit(Warned(child.agent, "no copy-on-write view of the files can be had: it gets a checkout"))
        tree = await self.merging.base(parent, rig, order.from_seq)
        return await asyncio.to_thread(open_it, checkout=partial(self.merging.checkout, tree))

    def begin(self, parent: Agent, spawn: Spawn, child: Child) -> Prompt:
        """What lets a spawned agent that was interviewed begin with its task."""
        return self.onboarding.task(parent.history, spawn, child)

    def model_named(self, name: str) -> str:
        """The full name of a model. Raises ForkError for what cannot be one; its endpoint knows the rest."""
        if not _MODEL.fullmatch(name):
            raise ForkError(f"{name[:80]!r} is no name of a model", f"for instance one of: {', '.join(ALIASES)}")
        return full_name(name)

    def _opening(self, parent: Agent, rig: Rig, order: Order, child: Child, past: History) -> list[Body]:
        if isinstance(order, Spawn):
            if past.agent is not None:
                return self.onboarding.worker(parent.history, past, order, child)
            return self.onboarding.spawned(parent.history, order, child.agent, rig.cwd)
        told = self._told(parent, order, child)
        opened = opening(parent.history, past, order, child, told)
        prompt = [] if order.call is not None else [Prompt(child.task, (text_block(told),))]
        return [opened.line_one, *opened.answers, *prompt]

    def _told(self, parent: Agent, fork: Fork, child: Child) -> str:
        place = [other.agent for other in fork.children].index(child.agent) + 1
        folder = self.around.scratch.agent_folder(self.session, child.agent)
        return filled(
            "fork_child",
            agent=child.agent,
            parent=parent.id,
            index=str(place),
            count=str(len(fork.children)),
            others=quoted(others(parent.id, fork, child)),
            folder=str(folder.relative_to(self.around.settings.project)),
            means=means_told(narrower(child.access, parent.history.access), fork, child, parent.id),
            task=quoted(child.task),
        )


async def _closed(opening: "asyncio.Task[ForkWorkspace]") -> None:
    """Close what is being opened for an agent that could not be made."""
    with suppress(ForkError):
        await (await opening).close()

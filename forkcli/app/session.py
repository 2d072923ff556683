"""A session that is open: made new or gone on with. It owns the lock, the files, the agent and its rig."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from forkcli.app.abandoning import Abandoning
from forkcli.app.agents_md import mend
from forkcli.app.answering import Answering
from forkcli.app.branching import begin_fork, beginning
from forkcli.app.crew import Surroundings, make_rig
from forkcli.app.going_back import GoingBack
from forkcli.app.keeping import FilesKeeper
from forkcli.app.merging import Merging
from forkcli.app.nursery import ForkNursery
from forkcli.app.parts import line_one
from forkcli.app.post import Post
from forkcli.app.rewinding import Rewinding
from forkcli.config import Settings
from forkcli.core.entries import AccessChange, Body, Merge, ModelChange
from forkcli.core.events import Warned
from forkcli.core.history import History
from forkcli.core.ids import MAIN, AgentId, Seq, SessionId, is_agent_id
from forkcli.engine.agent import Agent
from forkcli.engine.brood import Bounds
from forkcli.engine.fleet import Fleet
from forkcli.engine.loop import run_turn
from forkcli.engine.ports import AgentFiles
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind
from forkcli.models.catalog import full_name
from forkcli.store.agent_files import create_agent, folded, open_agent, read_agent
from forkcli.store.lock import SessionLock, lock_agent, lock_session


@dataclass(slots=True)
class Session:
    """One open session: the agent in focus, which prompts go to, and those that the focus was on before."""

    around: Surroundings
    id: SessionId
    agent: Agent
    rig: Rig
    lock: SessionLock
    fleet: Fleet
    merging: Merging
    rewinding: Rewinding
    opened: dict[AgentId, tuple[Agent, Rig]] = field(default_factory=dict)
    guests: dict[AgentId, AgentId] = field(default_factory=dict)  # whose files are merged, and whose they see now
    answering: Answering = field(init=False)
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        self.answering = Answering(self)
        self.post = self.rig.post = Post(self)

    @property
    def files(self) -> AgentFiles:
        """The files of the agent in focus."""
        return self.agent.files

    def live(self, name: AgentId) -> tuple[Agent, Rig] | None:
        """An agent that is open in this process, whether it runs or not."""
        member, desk = self.fleet.members.get(name), self.answering.live.get(name)
        if member is not None and member.agent is not None and member.rig is not None and not member.over:
            return member.agent, member.rig
        return (desk.agent, desk.rig) if desk is not None else self.held(name)

    def held(self, name: AgentId) -> tuple[Agent, Rig] | None:
        """An agent that the person is or was with; None for one whose task has ended since, which closed its files."""
        found = (self.agent, self.rig) if name == self.agent.id else self.opened.get(name)
        return None if found is None or found[0].ended else found

    async def settled(self, name: AgentId) -> None:
        """Until an agent whose turn is over has let go of its files."""
        member = self.fleet.members.get(name)
        if member is not None and member.over:
            await asyncio.wait([member.task])

    def focus(self, agent: Agent, rig: Rig) -> None:
        """Move the focus to another agent; the one before stays open."""
        self.opened[self.agent.id] = (self.agent, self.rig)
        self.opened[agent.id] = (agent, rig)
        self.agent, self.rig = agent, rig

    @property
    def conversations(self) -> tuple[Agent, ...]:
        """The agents that the person has been with; the one in focus is among them."""
        return tuple({**{name: agent for name, (agent, _) in self.opened.items()}, self.agent.id: self.agent}.values())

    @property
    def prompt_file(self) -> Path:
        """The first prompt, verbatim."""
        return self.around.scratch.prompt_file(self.id)

    async def merge(self, name: str) -> Merge:
        """Bring the files of a fork of the agent in focus into its own, as they are now. Raises ForkError."""
        child = AgentId(name)
        fork, opened = self.agent.history.forks.get(child), self.held(child)
        tree = ""
        if fork is not None and opened is not None:
            tree = await self.merging.made(self.agent, self.rig, *opened, fork.from_seq)
        return await self.fleet.merge(self.agent, self.rig, name, tree)

    async def diff_of(self, name: str) -> str:
        """What a fork of the agent in focus changed, as a unified diff. Raises ForkError where that is not known."""
        child = AgentId(name)
        history = self.agent.history
        fork, report = history.forks.get(child), history.reports.get(child)
        if fork is None:
            raise ForkError(
                f"{self.agent.id} has no child {name!r}", f"its children: {', '.join(history.forks) or 'none'}"
            )
        base = history.trees.get(fork.from_seq)
        if report is None:
            raise ForkError(f"{name} has not ended yet", f"`/go {name}` shows what it does")
        return await self.merging.diff(base, report.tree) if base and report.tree else ""

    async def close(self) -> None:
        """End what still runs, children and background jobs too, and let go of the files."""
        await self.fleet.close()
        await self.answering.close()
        await self.merging.close()
        for agent, rig in {**self.opened, self.agent.id: (self.agent, self.rig)}.values():
            await rig.jobs.close()
            if rig.workspace is not self.around.workspace:
                await rig.workspace.close()
            agent.files.close()
        self.lock.release()

    def let_go(self) -> None:
        """Let go of the files of a session in which nothing has run yet."""
        for agent, _ in {**self.opened, self.agent.id: (self.agent, self.rig)}.values():
            agent.files.close()
        self.lock.release()


def new_session(around: Surroundings) -> Session:
    """Make a session and its root agent. Raises ForkError(STORAGE) if it cannot be saved."""
    session = around.scratch.new_session()
    lock = lock_session(around.scratch.session_folder(session))
    try:
        files = create_agent(around.scratch.agent_folder(session, MAIN))
        opened = _joined(around, session, Agent(MAIN, files, History(), around.emit), lock)
        opened.agent.record(line_one(around.settings, session))
        _mended(opened)
    except BaseException:
        lock.release()
        raise
    return opened


def resume_session(around: Surroundings, session: SessionId, *, as_it_was: bool = False) -> Session:
    """Go on with a session's root agent. Raises ForkError: damaged beyond use, held by another process.

    `as_it_was`: the settings of this run are not put on record.
    """
    lock = lock_session(around.scratch.check_session(session))
    try:
        files, history, damage = open_agent(around.scratch.agent_folder(session, MAIN))
    except BaseException:
        lock.release()
        raise
    opened = _joined(around, session, Agent(MAIN, files, history, around.emit), lock)
    for found in damage:
        around.emit(Warned(MAIN, f"line {found.line_no} of the history is damaged ({found.reason}); a copy is kept"))
    if not as_it_was:
        _apply(around.settings, opened.agent)
    _mended(opened)
    return opened


def fork_of_held(around: Surroundings, session: SessionId, name: AgentId, at: Seq | None) -> Session:
    """Open a session that another process holds with a new fork of its agent `name`, which that process goes on with.

    This process writes the new fork and what that one starts, and nothing else of the session. Raises ForkError.
    """
    scratch = around.scratch
    if not is_agent_id(name) or name not in scratch.agents(session):
        known = ", ".join(scratch.agents(session))
        raise ForkError(f"there is no agent {name!r} in session {session}", f"its agents: {known}", kind=Kind.USAGE)
    folder = scratch.agent_folder(session, name)
    above = folded(folder, read_agent(folder))
    begin = beginning(above, at)
    nursery = ForkNursery(around, session, Merging(scratch.folder, around.settings.project, session))
    bounds = Bounds(around.settings.max_agents, around.settings.parallel)
    own = Fleet(nursery, run_turn, bounds, nursery.next_number(above)).allot(above)
    lock = lock_agent(scratch.agent_folder(session, own))
    try:
        agent = begin_fork(around, session, above, begin, own)
        opened = _joined(around, session, agent, lock)
        _apply(around.settings, agent)
    except BaseException:
        lock.release()
        raise
    return opened


def _joined(around: Surroundings, session: SessionId, agent: Agent, lock: SessionLock) -> Session:
    history = agent.history
    rig = make_rig(around, agent, around.workspace)
    merging = Merging(around.scratch.folder, around.settings.project, session)
    nursery = ForkNursery(around, session, merging)
    bounds = Bounds(around.settings.max_agents, around.settings.parallel)
    fleet = Fleet(nursery, run_turn, bounds, nursery.next_number(history))
    others: dict[AgentId, tuple[Agent, Rig]] = {}
    rewinding = Rewinding(
        Abandoning(around, session, fleet, others),
        GoingBack(merging),
        fleet,
        around.settings.project,
        around.scratch.prompt_file(session),
    )
    rig.fleet, rig.rewinder, rig.keeper = fleet, rewinding, FilesKeeper(merging, agent, rig)
    merging.mend(agent, rig)
    return Session(around, session, agent, rig, lock, fleet, merging, rewinding, others)


def _mended(session: Session) -> None:
    """Put right what a `fork init` that was cut off has left of AGENTS.md."""
    around, agent = session.around, session.agent
    mend(
        around.scratch,
        around.workspace,
        session.id,
        lambda: agent.files.new_output("AGENTS", ".md"),
        lambda text: around.emit(Warned(agent.id, text)),
    )


def _apply(settings: Settings, agent: Agent) -> None:
    """What the command line or the environment named holds from here on; access is always this run's own."""
    history = agent.history
    changes: list[Body] = []
    model = full_name(settings.model) if settings.model and "model" in settings.given else history.model
    effort = settings.effort if "effort" in settings.given else history.effort
    if (model, effort) != (history.model, history.effort):
        changes.append(ModelChange(model, effort))
    if (settings.access, settings.net) != (history.access, history.net):
        changes.append(AccessChange(settings.access, settings.net))
    if changes:
        agent.record(*changes)

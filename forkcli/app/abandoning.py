"""The stretch that a rewind leaves behind, as an agent of its own: it keeps its context, and may write the report.

It is made before the rewind is on record. A rewind that fails or is cut short leaves it in the tree, where it does no
harm; one that is tried again from the same place finds it, and the report if there is one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forkcli import __version__
from forkcli.app.crew import Surroundings, fork_rig
from forkcli.app.keeping import FilesKeeper
from forkcli.core.decide import Finish, next_action
from forkcli.core.entries import Agent as LineOne
from forkcli.core.entries import Failure, Interrupt, Notice, Prompt, Resume, Rewind, Snapshot
from forkcli.core.events import TurnEnded, Warned
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq, SessionId
from forkcli.core.messages import text_block, text_of
from forkcli.core.rewinding import abandoned, reported_since
from forkcli.engine.agent import Agent
from forkcli.engine.fleet import Fleet
from forkcli.engine.loop import run_turn
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind
from forkcli.prompts import filled
from forkcli.store.agent_files import HISTORY, create_agent, folded, open_agent
from forkcli.store.reading import first_entry, read_history

Files = Literal["keep", "restore"]
AUTHORS = frozenset({"read"})  # tools that whoever writes a report may call: nothing else is to happen by then
FILES_TOLD: dict[Files, str] = {"keep": "they stay as they are", "restore": "they go back to what they were then"}
EARLIER = ", and the reports above, which are passed on as they stand"
SHARED = "You work in the same files as {parent}, as they are now."


@dataclass(frozen=True, slots=True)
class Written:
    """What asking for a report came to: `text` is empty where there is none, and then `why` says so.

    `stopped` is what ended the turn of `author` from outside: a failure, or a limit.
    """

    author: AgentId
    text: str = ""
    why: str = ""
    stopped: Failure | Interrupt | None = None

    def error(self) -> ForkError:
        """What is said where no report came."""
        kinds = {"unavailable": Kind.UNAVAILABLE}
        stopped = self.stopped
        kind = kinds.get(stopped.kind, Kind.FAILED) if isinstance(stopped, Failure) else Kind.LIMIT
        return ForkError(
            f"{self.author}, which was to write the report, came to none ({self.why})",
            "nothing was rewound; write the report yourself, or try again",
            kind=kind if stopped is not None else Kind.FAILED,
        )


@dataclass(frozen=True, slots=True)
class Abandoning:
    """Makes the agents that the abandoned stretches of one session become."""

    around: Surroundings
    session: SessionId
    fleet: Fleet
    opened: dict[AgentId, tuple[Agent, Rig]] = field(default_factory=dict)  # those that the user has gone to

    def leave(self, agent: Agent, at: Seq, to: Seq, call: CallId | None, report: str = "") -> AgentId | None:
        """Make the agent that the stretch up to entry `at` becomes.

        `report` is its own, if it wrote one. With `call`, the model's own, None where the session can have no more
        agents: that is said.
        """
        try:
            left = self._made(agent, at, to, call, lambda found: not found.own_steps)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            agent.emit(Warned(agent.id, f"what came after {to} is kept in its history alone: {error.sentence}"))
            return None
        if call is None and not isinstance(left.history.entries[-1].body, Notice):
            left.record(self._identity(agent.id, left.id, to))
        if report:
            left.files.write_report(report)
        left.files.close()
        return left.id

    async def write_report(
        self, agent: Agent, rig: Rig, at: Seq, to: Seq, files: Files = "keep", focus: str = ""
    ) -> Written:
        """Have the abandoned self write the report, on the context that it has: nothing is rewound by that.

        `files` says what will become of the project's; `focus` is what the user wants to be in it above all.
        """
        wanted = f"\n\nAbove all it has to hold: {focus}" if focus else ""
        earlier = EARLIER if reported_since(agent.history, to) else ""
        asked = filled("report_request", to=str(to), files=FILES_TOLD[files], earlier=earlier, focus=wanted)
        left = self._made(agent, at, to, None, lambda found: not found.own_steps or _is_asked(found, asked))
        try:
            end = await self._asked(left, rig, asked)
            said = last_words(left.history)
            if end.status != "done" or not said:
                last = left.history.entries[-1].body
                stopped = last if isinstance(last, Failure | Interrupt) else None
                return Written(left.id, why=end.sentence or "its answer is empty", stopped=stopped)
            if not isinstance(left.history.entries[-1].body, Notice):
                left.record(self._identity(agent.id, left.id, to))
            left.files.write_report(said)
            return Written(left.id, said)
        except asyncio.CancelledError:
            left.emit(TurnEnded(left.id, "interrupted"))  # whoever watches sees that it does not write any more
            raise
        finally:
            left.files.close()

    async def _asked(self, left: Agent, rig: Rig, asked: str) -> Finish:
        """The turn of the author; it may have begun in a process that is gone, or failed before."""
        own = fork_rig(self.around, left, rig.workspace, rig)
        own.rewinder = None  # the context that it has is what the report is to be of
        own.tools = {name: tool for name, tool in own.tools.items() if name in AUTHORS}
        if _is_asked(left.history, asked):
            if isinstance(end := next_action(left.history), Finish) and end.status == "done":
                return end
            left.record(Resume(__version__))
        else:
            left.record(Prompt(asked, (text_block(asked),), "report"))
        try:
            return await run_turn(left, own)
        finally:
            if isinstance(own.keeper, FilesKeeper):
                await own.keeper.leave()  # it notes in the history, which is closed after this

    def _made(self, agent: Agent, at: Seq, to: Seq, call: CallId | None, fits: Callable[[History], bool]) -> Agent:
        """The agent that the stretch up to entry `at` becomes: a new one, or one that was left and `fits`.

        What a crash cut off its beginning is recorded now.
        """
        found = self._found(agent, at, call)
        if found is not None and found.agent is not None and fits(found):
            name = found.agent.agent
            files, history, _ = open_agent(self._folder(name), past=agent.history)
            left, at = Agent(name, files, history, agent.emit), history.first_seq
        else:
            name = self.fleet.allot_left(bounded=call is not None)
            files = create_agent(self._folder(name), first_seq=at + 1)
            left = Agent(name, files, agent.history.forked(at).branch(), agent.emit)
        past = agent.history.forked(at)
        told = abandoned(agent.history, past, name, at, call, self._identity(agent.id, name, to).text)
        begun = len(left.history.entries.own)
        if begun < len(told):
            left.record(*told[begun:])
        return left

    def _identity(self, parent: AgentId, name: AgentId, to: Seq) -> Notice:
        folder = str(self._folder(name).relative_to(self.around.settings.project))
        told = filled(
            "abandoned", agent=name, parent=parent, to=str(to), folder=folder, files=SHARED.format(parent=parent)
        )
        return Notice(told)

    def _folder(self, name: AgentId) -> Path:
        return self.around.scratch.agent_folder(self.session, name)

    def _found(self, agent: Agent, at: Seq, call: CallId | None) -> History | None:
        """The agent that was made for this before a crash or a failure cut the rewind short."""
        entries = agent.history.entries.own
        used = {entry.body.abandoned for entry in entries if isinstance(entry.body, Rewind)}
        since = [entry.seq for entry in entries if entry.seq <= at and not isinstance(entry.body, Snapshot)]
        for name in self.around.scratch.agents(self.session):
            folder = self._folder(name)
            first = first_entry(folder / HISTORY)
            body = first.body if first is not None else None
            if name in used or name in self.opened or not isinstance(body, LineOne):
                continue
            if (body.kind, body.parent, body.call) != ("abandoned", agent.id, call) or body.from_seq is None:
                continue
            if call is not None or max(since, default=at) <= body.from_seq <= at:
                return folded(folder, read_history(folder / HISTORY), agent.history)
        return None


def _is_asked(history: History, asked: str) -> bool:
    """Whether this agent has been asked for this report, and for nothing else."""
    return [entry.body.text for entry in history.entries.own if isinstance(entry.body, Prompt)] == [asked]


def last_words(history: History) -> str:
    """What the agent's own newest answer says; empty where it has given none."""
    newest = next(reversed(history.own_answers()), None)
    return text_of(newest.content).strip() if newest is not None else ""

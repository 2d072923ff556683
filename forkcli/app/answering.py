"""Answers questions by forks of the agents that are asked: these are never disturbed, whatever they do at the time.

Invariant: a fork that answers waits for nobody but the model, and who waits for it holds no place; so however agents
ask each other, somebody can always go on. The order is durable question, answering fork, durable answer: what a crash
cuts off is found when the asker's call is made again.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from forkcli import __version__
from forkcli.app.crew import fork_rig
from forkcli.app.family import files_of_agent
from forkcli.app.nursery import LAYERS
from forkcli.core.answering import (
    Standing,
    answering_child,
    introduced,
    is_put,
    last_words,
    spent,
    standing,
    steps_since,
)
from forkcli.core.asked import USER, Asked
from forkcli.core.decide import Finish, is_unfinished
from forkcli.core.entries import Body, Fork, Prompt
from forkcli.core.events import TurnEnded
from forkcli.core.forking import HAD_NOT_ENDED, STILL_RUNNING, opening
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import quoted, text_block
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.loop import prompt_turn, resume_turn
from forkcli.engine.ports import Workspace
from forkcli.engine.rig import Rig
from forkcli.engine.roster import END_S
from forkcli.errors import ForkError
from forkcli.prompts import filled
from forkcli.store.agent_files import TRANSCRIPT, create_agent, is_begun, open_agent
from forkcli.store.lineage import Lineage
from forkcli.workspace.base import open_fork

if TYPE_CHECKING:
    from pathlib import Path

    from forkcli.app.session import Session


@dataclass(frozen=True, slots=True)
class Desk:
    """A fork that answers, open for one question; `borrowed` are workspaces that were opened for it alone."""

    agent: Agent
    rig: Rig
    borrowed: tuple[Workspace, ...] = ()
    ours: bool = True  # false: the person has it open, so it stays so

    async def close(self) -> None:
        """Let go of its files and of what it looked at."""
        if not self.ours:
            return
        await self.rig.jobs.close()
        for workspace in (self.rig.workspace, *self.borrowed):
            await workspace.close()
        self.agent.files.close()


@dataclass(slots=True)
class Answering:
    """The forks of a session that answer questions."""

    session: "Session"
    live: dict[AgentId, Desk] = field(default_factory=dict)  # those that answer right now
    tasks: "dict[asyncio.Task[Finish], Desk]" = field(default_factory=dict)
    pairs: dict[tuple[str, AgentId], asyncio.Lock] = field(default_factory=dict)

    async def ask(
        self, name: AgentId, question: str, *, asker: Agent | None = None, call: CallId | None = None
    ) -> tuple[AgentId, str]:
        """The fork that answered, and its answer. Without `asker` the user asks, and the fork is a new one.

        Raises ForkError: the asked agent has not begun, no fork of it can be made, or it could not answer.
        """
        by = asker.id if asker is not None else USER
        async with AsyncExitStack() as turn:
            if asker is not None:
                await turn.enter_async_context(self.pairs.setdefault((by, name), asyncio.Lock()))
            asked = await self._history(name)
            if not asked.was_asked:
                raise ForkError(f"{name} has been asked nothing yet, so it knows nothing", "Ask someone else.")
            found = standing(asked, by, call)
            if found.order is not None and found.answer is not None:
                return found.order.agent, found.answer
            order = await self._ordered(name, found, Asked(AgentId(""), by, question, asked.entries[-1].seq, call))
            desk = await self._opened(name, asked, order)
            end = await self._waited(desk, self._prompt(name, asked, order, desk.agent), asker)
            said = last_words(desk.agent.history)
            if end.status not in {"done", "limit"} or not said:
                why = end.sentence or f"it ended without an answer ({end.status})"
                raise ForkError(
                    f"the fork {order.agent} of {name}, which was to answer, could not: {why}",
                    f"What {name} has done stands in {self._shown(name)}/{TRANSCRIPT}.",
                )
            await self._record(name, Asked(order.agent, by, question, order.from_seq, call, said))
            return order.agent, said

    async def close(self) -> None:
        """End what still runs; a question that is cut off so is put again with its call."""
        for task, desk in self.tasks.items():
            _halt(task, desk.agent, Stop("signal", "fork was ended"))
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=END_S)

    # --- the question -------------------------------------------------------------------------------------------------

    async def _history(self, name: AgentId) -> History:
        """The history of the asked agent, as it is now. Raises ForkError for one that has not begun."""
        await self.session.settled(name)
        live = self.session.live(name)
        if live is not None:
            return live[0].history
        if name in self.session.fleet.members:
            raise ForkError(f"the agent {name} has not begun yet", "It knows what its parent knew, and its task.")
        return Lineage(self._folder(name).parent).history(name)

    async def _ordered(self, name: AgentId, found: Standing, new: Asked) -> Asked:
        """The question on record, with the fork that answers it: the one that did before, if it has steps left."""
        kept = found.order
        if kept is not None and found.put:
            return kept
        if kept is None or self._is_spent(kept.agent):
            order = Asked(self.session.fleet.allot_answering(), new.by, new.question, new.from_seq, new.call)
        else:
            order = Asked(kept.agent, new.by, new.question, kept.from_seq, new.call)
        await self._record(name, order)
        return order

    def _is_spent(self, name: AgentId) -> bool:
        folder = self._folder(name)
        return is_begun(folder) and spent(Lineage(folder.parent).history(name))

    async def _record(self, name: AgentId, body: Asked) -> None:
        """Put a question or its answer on record in the asked agent's history, whatever that does right now."""
        await self.session.settled(name)
        live = self.session.live(name)
        if live is not None:
            live[0].record(body)
            return
        files, history, _ = open_agent(self._folder(name))
        try:
            Agent(name, files, history, self.session.around.emit).record(body)
        finally:
            files.close()

    # --- the fork that answers ----------------------------------------------------------------------------------------

    async def _opened(self, name: AgentId, asked: History, order: Asked) -> Desk:
        """The fork that answers, with what it may look at: the files as the asked agent sees them."""
        live = self.session.live(order.agent)
        if live is not None:
            if live[0].task is not None:
                raise ForkError(
                    f"the fork {order.agent}, which answers for {name}, is at work for the person", "Ask later."
                )
            return Desk(*live, ours=False)
        folder, past, emit = self._folder(order.agent), asked.forked(order.from_seq), self.session.around.emit
        told = self._opening(name, asked, past, order)
        if is_begun(folder):
            files, history, damage = open_agent(folder, past=past)
            agent = Agent(order.agent, files, history, emit)
            told = [] if damage else told[len(history.entries.own) :]
        else:
            agent = Agent(order.agent, create_agent(folder, first_seq=order.from_seq + 1), past.branch(), emit)
        try:
            agent.record(*told)
            return await self._equipped(name, agent, folder)
        except BaseException:
            agent.files.close()
            emit(TurnEnded(agent.id, "failed"))  # whoever watches it sees it go
            raise

    async def _equipped(self, name: AgentId, agent: Agent, folder: "Path") -> Desk:
        look = partial(open_fork, layers=folder / LAYERS, access="read")
        live, borrowed = self.session.live(name), list[Workspace]()
        if live is not None:
            try:
                view = await asyncio.to_thread(look, live[1].workspace)
                return Desk(agent, fork_rig(self.session.around, agent, view, live[1]))
            except ForkError:
                if self.session.live(name) is not None:
                    raise  # else it has ended just now, and its files were closed meanwhile
        await self.session.settled(name)
        seen = await asyncio.to_thread(files_of_agent, self.session, name, borrowed)
        view = await asyncio.to_thread(look, seen)
        return Desk(agent, fork_rig(self.session.around, agent, view, self.session.rig), tuple(borrowed))

    def _opening(self, name: AgentId, asked: History, past: History, order: Asked) -> list[Body]:
        child = answering_child(order.agent, order.by, order.question)
        live = self.session.live(name)
        running = live is not None and live[0].task is not None
        told = STILL_RUNNING if running else HAD_NOT_ENDED
        opened = opening(asked, past, Fork((child,), order.from_seq, merge="none"), child, "", open_calls=told)
        return [replace(opened.line_one, answers=order.by), *opened.answers]

    def _prompt(self, name: AgentId, asked: History, order: Asked, agent: Agent) -> Prompt | None:
        """The question as it is put; None if it has been."""
        if is_put(agent.history, order.question):
            return None
        who = "The person" if order.by == USER else order.by
        said = {"asked": name, "asker": order.by, "question": quoted(order.question)}
        if not any(isinstance(entry.body, Prompt) for entry in agent.history.entries.own):
            about = introduced(asked, order.by)
            told = filled("answering", agent=agent.id, reader=who, who=about, folder=self._shown(agent.id), **said)
            return Prompt(order.question, (text_block(told),))
        steps = steps_since(asked, order)
        since = (
            f"{name} has made {steps} more steps since you were forked: {self._shown(name)}/{TRANSCRIPT} has them,"
            f" after checkpoint or entry {order.from_seq}."
            if steps
            else f"{name} has made no step since."
        )
        return Prompt(order.question, (text_block(filled("answering_more", reader=who, since=since, **said)),))

    async def _waited(self, desk: Desk, prompt: Prompt | None, asker: Agent | None) -> Finish:
        """How the fork's turn ended. Who is stopped while it waits stops the fork too, which puts down what it has."""
        task = asyncio.create_task(self._turn(desk, prompt, queue=asker is not None), name=f"agent {desk.agent.id}")
        self.tasks[task], self.live[desk.agent.id] = desk, desk
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            _halt(task, desk.agent, (asker.stop if asker is not None else None) or Stop("user"))
            await asyncio.wait([task], timeout=END_S)
            raise
        finally:
            self.tasks.pop(task, None)
        if task.cancelled():  # before its turn had begun
            desk.agent.emit(TurnEnded(desk.agent.id, "interrupted"))
            return Finish("interrupted", "it was stopped")
        return task.result()

    async def _turn(self, desk: Desk, prompt: Prompt | None, *, queue: bool) -> Finish:
        """One question. An agent's waits for a place; a person's does not, since they sit and wait."""
        agent, rig, places = desk.agent, desk.rig, self.session.fleet.places
        try:
            if queue:
                await places.take(agent.id)
            if prompt is not None:
                return await prompt_turn(agent, rig, prompt)
            if is_unfinished(agent.history):
                return await resume_turn(agent, rig, __version__)
            return Finish("done")
        finally:
            places.give(agent.id)
            self.live.pop(agent.id, None)
            await desk.close()

    def _folder(self, name: AgentId) -> "Path":
        return self.session.around.scratch.agent_folder(self.session.id, name)

    def _shown(self, name: AgentId) -> str:
        return str(self._folder(name).relative_to(self.session.around.settings.project))


def _halt(task: "asyncio.Task[Finish]", agent: Agent, stop: Stop) -> None:
    """Stop an answering fork: at its next await if its turn has begun, else at once."""
    if agent.task is None:
        task.cancel()
    else:
        agent.halt(stop)

"""The session behind the REPL: fills `ui.ports.Driver`. Holds which session is open, and nothing about a turn."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from forkcli.app.asking import prompt_entry
from forkcli.app.attach import attachments
from forkcli.app.checking import ROUNDS, demand, go_on_with_checks, hold_to_checks
from forkcli.app.crew import Surroundings
from forkcli.app.drafting import Draft, go_on
from forkcli.app.family import renew
from forkcli.app.paths import complete
from forkcli.app.session import Session, new_session
from forkcli.config import Settings
from forkcli.core.budget import share
from forkcli.core.check_entries import Checks
from forkcli.core.entries import RAN, Assistant, Body, Entry, Notice
from forkcli.core.history import History
from forkcli.core.ids import MAIN, SessionId
from forkcli.engine.agent import Stop
from forkcli.engine.loop import prompt_turn, resume_turn
from forkcli.engine.ports import Command, CommandEnd, RunningCommand
from forkcli.errors import ForkError
from forkcli.models.catalog import DEFAULT_MODEL, full_name
from forkcli.store.data import Kept, keep_data, measure, shortened
from forkcli.store.inbox import put_message
from forkcli.ui.ports import ShellEnd, Slash, Status
from forkcli.workspace.gitdirs import quick_branch

T = TypeVar("T")

END_S = 1.0  # how long the end of a turn is waited for


class ReplDriver:
    """One REPL's session. `slashes` is filled in after it is made, since they act on it."""

    def __init__(self, around: Surroundings, session: Session | None = None) -> None:
        self.around = around
        self.session = session
        self.commands: Sequence[Slash] = ()
        self.after_turn: Callable[[], None] = lambda: None
        self.left: SessionId | None = None  # the session that was closed last, if anything was asked in it
        self.draft: Draft | None = None  # of an AGENTS.md, on which the person has not decided yet
        self._window = 0

    # --- what the screen asks for ---------------------------------------------------------------------------------

    def status(self) -> Status:
        """The status line's facts."""
        settings, session = self.around.settings, self.session
        history = session.agent.history if session else History()
        answer = _newest_answer(history.entries)
        return Status(
            agent=session.agent.id if session else MAIN,
            model=history.model or full_name(settings.model or DEFAULT_MODEL),
            effort=history.effort if session else settings.effort,
            context_share=share(history.context_tokens(), self._window) if self._window and session else None,
            cache_share=answer.usage.cache_share if answer and answer.usage.prompt_tokens else None,
            cost_usd=history.cost_usd if session else None,
            sandbox=self.around.workspace.sandbox if self.around.workspace.known else "",
            access=history.access if session else settings.access,
            net=history.net if session else settings.net,
            running=session is not None and session.agent.task is not None,
            background_jobs=len(session.rig.jobs.running) if session else 0,
            project=settings.project.name or str(settings.project),
            branch=quick_branch(settings.project),
        )

    def slashes(self) -> Sequence[Slash]:
        """The slash commands."""
        return self.commands

    def paths(self, prefix: str) -> list[str]:
        """Paths of the project for `@` completion."""
        return complete(self.around.workspace, prefix)

    @property
    def window(self) -> int:
        """The context window of the model in force, in tokens; 0 before a session is open."""
        return self._window

    # --- what it does -----------------------------------------------------------------------------------------------

    async def open(self) -> Session:
        """The open session; made now if there is none yet."""
        if self.session is None:
            self.session = new_session(self.around)
        await renew(self.session)
        await self.measure()
        return self.session

    async def measure(self) -> None:
        """Learn the window of the model in force."""
        if self.session is not None:
            self._window = (await self.around.model.limits(self.session.agent.history.model)).window

    async def turn(self, text: str) -> None:
        """Answer a prompt."""
        session = await self.open()
        attached = await attachments(session, text)
        prompt = prompt_entry(session, text, None, "repl", attached)
        hold_to_checks(session)
        await prompt_turn(session.agent, session.rig, prompt)
        await self.measure()
        self.after_turn()

    async def finish(self, version: str) -> None:
        """Go on with the unfinished turn."""
        session = await self.open()
        go_on_with_checks(session)
        await self.whole(go_on(session, version))

    async def review(self, perspective: str, version: str) -> None:
        """Hold the last turn to a review, and to what else turns have to pass, and go on with what comes of that."""
        session, settings = await self.open(), self.around.settings
        wanted = Checks(settings.until or "", settings.max_rounds, settings.review or ROUNDS, perspective)
        demand(session, wanted, anew=True)
        await self.whole(resume_turn(session.agent, session.rig, version))

    async def whole(self, turn: Coroutine[None, None, T]) -> T:
        """A turn that a command runs: cancelling the command stops the turn, which puts on record what is done."""
        task = asyncio.ensure_future(turn)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop()
            return await task

    def steer(self, text: str) -> None:
        """Hand a message to the running turn: a file in its inbox, as from anyone else."""
        if self.session is None:
            raise ForkError("no turn runs that could be told anything")
        put_message(self.session.files.folder / "inbox", "user", text)

    def stop(self) -> None:
        """Stop the running step."""
        if self.session is not None:
            self.session.agent.halt(Stop("user"))

    async def shell(self, command: str, output: Callable[[str], None]) -> ShellEnd:
        """Run a command as the user, so outside the sandbox. The model is shown it with the next message.

        Being cancelled stops the command alone: what it had said by then is shown and told all the same. It runs where
        the user started fork, not where the model's shell has gone: what lies there may be of the model's making.
        """
        session = await self.open()
        workspace = self.around.workspace
        spool = session.files.new_output("shell")
        cwd = str(self.around.settings.cwd)
        begun = time.monotonic()
        running = await workspace.start(
            Command(command, cwd, sandboxed=False, net=True, access="full", spool=spool),
            lambda chunk: output(chunk.decode("utf-8", "replace")),
        )
        end = await _ended(running)
        gap = "\n[…]\n" if end.tail else ""
        shown = f"{end.head}{gap}{end.tail}"
        told = shortened(_kept(end, shown, spool), self.around.settings.project)
        code = "killed" if end.exit_code is None else f"exit code {end.exit_code}"
        if self.session is session:
            session.agent.record(Notice(f"{RAN}{command}` in {cwd} ({code}):\n{told.rstrip() or '[no output]'}"))
        return ShellEnd(shown, end.exit_code, time.monotonic() - begun)

    async def close(self, reason: str = "fork was ended") -> None:
        """End the session and everything that still runs."""
        session, self.session = self.session, None
        if session is None:
            return
        self.left = session.id if session.agent.history.was_asked else None
        working = {agent.task: agent for agent in session.conversations if agent.task is not None}
        for agent in working.values():
            agent.halt(Stop("signal", reason))
        if working:
            await asyncio.wait(working, timeout=END_S)
        await session.close()

    # --- what slash commands change -----------------------------------------------------------------------------------

    async def switch(self, session: Session | None) -> None:
        """Leave the open session for another one, or for a new one that is made with the first prompt."""
        await self.close("you left the session")
        self.session = session
        await self.measure()

    async def change(self, settings: Settings, *bodies: Body) -> None:
        """Put changes on record, and have new sessions begin with these settings."""
        self.around = replace(self.around, settings=settings)
        if self.session is not None:
            await renew(self.session)
            self.session.agent.record(*bodies)
            await self.measure()

    @property
    def history(self) -> History:
        """The open session's history, or an empty one."""
        return self.session.agent.history if self.session else History()


def session_of(driver: ReplDriver) -> Session:
    """The open session. Raises ForkError where there is none yet."""
    if driver.session is None:
        raise ForkError("no session is open yet", "it begins with your first prompt")
    return driver.session


async def _ended(running: RunningCommand) -> CommandEnd:
    """The end of a command, also when the waiting for it is cancelled: then it is killed."""
    waiting = asyncio.ensure_future(running.wait())
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        running.kill()
        return await waiting


def _kept(end: CommandEnd, shown: str, spool: Path) -> Kept:
    """The output as it is told to the model: what is too long for that lies whole in the file `spool`."""
    if not end.spooled:
        return keep_data([shown.encode()], spool)
    with spool.open("rb") as file:
        return measure(file, spool, end.total)


def _newest_answer(entries: Sequence[Entry]) -> Assistant | None:
    return next((entry.body for entry in reversed(entries) if isinstance(entry.body, Assistant)), None)

"""The outside checks of a turn that is done: runs the user's command, or has a reviewer look, and tells the agent.

What is due is decided by `core/checking.py` from the history; so a check that a crash cut off is simply done again.
"""

import time
from dataclasses import dataclass

from forkcli.app.reviewing import Reviewing
from forkcli.app.session import Session
from forkcli.core.check_entries import CHECK, Checked, Checks
from forkcli.core.checking import NextCheck, Review, RunCommand, clipped, in_force, next_check, round_told, until_spent
from forkcli.core.entries import Body, Failure, Interrupt
from forkcli.core.events import CallOutput, CallStarted
from forkcli.core.ids import CallId
from forkcli.engine.agent import Agent
from forkcli.engine.ports import Command, CommandEnd
from forkcli.engine.rig import Rig
from forkcli.engine.toolrun import tool_env
from forkcli.errors import ForkError, Kind
from forkcli.prompts import filled
from forkcli.tools.permit import permit
from forkcli.tools.plain import is_binary, plain

ROUNDS = 2  # of a review that names no number
TIMEOUT_S = 1800.0  # for one run of the command: a shorter bound is easily had with timeout(1), a longer one is not


@dataclass(frozen=True, slots=True)
class OutsideChecks:
    """Fills `engine.rig.Check`. `timeout_s` bounds one run of the user's command."""

    session: Session
    timeout_s: float = TIMEOUT_S

    async def __call__(self, agent: Agent, rig: Rig) -> bool:
        """Carry out the check that is due; False if none is."""
        due = next_check(agent.history)
        if due is None:
            return False
        try:
            await self._carry_out(agent, rig, due)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            agent.record(Failure("failed", f"the check could not be made: {error.sentence}"))
        return True

    async def _carry_out(self, agent: Agent, rig: Rig, due: NextCheck) -> None:
        match due:
            case RunCommand():
                await self._run(agent, rig, due)
            case Review():
                await Reviewing(self.session).hold(agent, rig, due)
            case spent:
                agent.record(Interrupt("limit", spent.sentence))

    async def _run(self, agent: Agent, rig: Rig, due: RunCommand) -> None:
        """Run the command as the agent's own would run: the command is the user's, what it executes is the agent's."""
        env = tool_env(agent, rig)
        env.cwd = rig.cwd
        allowed = await permit({"command": due.command, "net": False}, env)
        if isinstance(allowed, str):
            raise ForkError(f"there is no working sandbox here ({rig.workspace.sandbox})", "`--access full` runs it")
        if rig.keeper is not None:
            await rig.keeper.before_write()
        spool = agent.files.new_output(CHECK)
        command = Command(
            due.command,
            rig.cwd,
            timeout_s=self.timeout_s,
            net=allowed.net,
            sandboxed=allowed.sandboxed,
            access=agent.history.access,
            spool=spool,
            spool_at_once=True,
        )
        begun = time.monotonic()
        end = await self._ended(agent, rig, command)
        ms = round((time.monotonic() - begun) * 1000)
        agent.record(*self._outcome(due, end, rig.workspace.relative(str(spool)), ms))

    async def _ended(self, agent: Agent, rig: Rig, command: Command) -> CommandEnd:
        block = {"type": "tool_use", "id": CHECK, "name": CHECK, "input": {"command": command.script}}
        agent.emit(CallStarted(agent.id, block))

        def heard(chunk: bytes) -> None:
            agent.emit(CallOutput(agent.id, CallId(CHECK), chunk.decode("utf-8", "replace")))

        running = await rig.workspace.start(command, heard)
        return await running.wait()

    def _outcome(self, due: RunCommand, end: CommandEnd, where: str, ms: int) -> list[Body]:
        passed = end.exit_code == 0 and not end.timed_out and not end.capped
        told = "" if passed else self._told(due, end, where)
        checked = Checked(
            "until",
            due.command,
            passed,
            due.round,
            due.rounds,
            told,
            exit_code=end.exit_code,
            output_file=where,
            ms=ms,
        )
        if passed or due.round <= due.rounds:
            return [checked]
        sentence = f"{until_spent(due.command, due.rounds)}: {self._how(end)}; what it printed: {where}"
        return [checked, Interrupt("limit", sentence)]

    def _told(self, due: RunCommand, end: CommandEnd, where: str) -> str:
        binary = is_binary(end.head) or is_binary(end.tail)
        output = "(binary data)" if binary else clipped(plain(end.head), plain(end.tail), where)
        return filled(
            "check_failed",
            command=due.command,
            how=self._how(end),
            round=round_told(due.round, due.rounds),
            where=f"all of it: {where}",
            output=output,
        )

    def _how(self, end: CommandEnd) -> str:
        if end.timed_out:
            return f"it was stopped after {self.timeout_s:g} s"
        if end.capped:
            return "it was stopped, since it printed too much"
        return "it was killed" if end.exit_code is None else f"exit code {end.exit_code}"


def hold_to_checks(session: Session, *, anew: bool = False) -> None:
    """The turn that begins now has to pass what this run of fork was asked for; that is put on record if it is new.

    With `anew` it is in any case, so that rounds count from here and an answer that had passed is checked again.
    """
    settings = session.around.settings
    wanted = Checks(settings.until or "", settings.max_rounds, settings.review or 0)
    demand(session, wanted, anew=anew)


def demand(session: Session, wanted: Checks, *, anew: bool = False) -> None:
    """Hold the turns of the agent in focus to these checks from here on."""
    held = in_force(session.agent.history)
    nothing = not (wanted.until or wanted.review) and not (held.until or held.review)
    if anew or not (nothing or wanted == held):
        session.agent.record(wanted)
    session.rig.check = OutsideChecks(session)


def go_on_with_checks(session: Session) -> None:
    """A turn that is taken up again has to pass what it was held to, or what this run of fork asks for instead."""
    settings = session.around.settings
    if settings.until is not None or settings.review is not None:
        hold_to_checks(session)
    session.rig.check = OutsideChecks(session)

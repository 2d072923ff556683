"""One prompt, one answer: `-p` and everything that is no terminal. Signals and the timeout stop the turn alone."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, TextIO

from forkcli import __version__
from forkcli.app.asking import prompt_entry
from forkcli.app.attach import attachments
from forkcli.app.checking import go_on_with_checks, hold_to_checks
from forkcli.app.crew import Surroundings
from forkcli.app.drafting import go_on
from forkcli.app.opening import named_session
from forkcli.app.parts import NobodyToAsk, build_model, limiter, warm
from forkcli.app.session import Session, new_session
from forkcli.config import Settings
from forkcli.core.decide import Finish, is_unfinished
from forkcli.engine.agent import Approvals, Stop
from forkcli.engine.loop import prompt_turn
from forkcli.engine.ports import Ask, Emit
from forkcli.errors import ForkError, Kind
from forkcli.store.data import Kept, keep_data
from forkcli.store.scratch import Scratch
from forkcli.ui.pipe import Pipe
from forkcli.workspace.base import open_workspace
from forkcli.workspace.project import is_risky_root

SIGNALS = {signal.SIGINT: Kind.INTERRUPTED, signal.SIGTERM: Kind.TERMINATED, signal.SIGHUP: Kind.TERMINATED}


Turn = Callable[[Session, Kept | None], Awaitable[Finish]]


def run(
    settings: Settings,
    stdin: BinaryIO | None,
    ask: Callable[[Emit], Ask] | None = None,
    *,
    turn: Turn | None = None,
    out: TextIO | None = None,
) -> int:
    """Answer and return the exit code. What `ask` makes answers for the person; `turn` replaces the usual turn.

    Raises ForkError for what stops it before or beside the turn.
    """
    pipe = Pipe(settings.output_format, out or sys.stdout, sys.stderr, verbose=settings.verbose)
    try:
        return _begun(settings, stdin, ask, turn or _turn, pipe)
    except ForkError as error:
        pipe.fail(error)
        raise


def _begun(
    settings: Settings, stdin: BinaryIO | None, ask: Callable[[Emit], Ask] | None, turn: Turn, pipe: Pipe
) -> int:
    model = build_model(settings)
    if is_risky_root(settings.project):
        raise ForkError(
            f"{settings.project} is a home directory or the root of the file system, and no project",
            "go to a project, or name one with -C; the REPL asks instead",
            kind=Kind.USAGE,
        )
    warm(model)
    scratch = Scratch(settings.project)
    scratch.ensure()
    workspace = open_workspace(settings.project, settings.add_dirs)
    asked = Approvals(ask(pipe.on_event) if ask else NobodyToAsk())
    around = Surroundings(settings, scratch, model, workspace, asked, limiter(interactive=False), pipe.on_event)
    if settings.until is not None and settings.access != "full" and not (workspace.contained or ask):
        raise ForkError(
            f"--until runs its command in the sandbox, and there is none that works here ({workspace.sandbox})",
            "`fork doctor` says what to install; `--access full` runs commands without one",
            kind=Kind.USAGE,
        )
    session = named_session(around) or new_session(around)
    # Read before the event loop runs: a signal ends the waiting for data at once.
    data = keep_data(stdin, session.files.new_output("stdin")) if stdin is not None else None
    return asyncio.run(_run(session, data, pipe, turn))


async def _run(session: Session, data: Kept | None, pipe: Pipe, turn: Turn) -> int:
    try:
        return await _answer(session, data, pipe, turn)
    finally:
        await session.close()
        await session.around.workspace.close()
        await session.around.model.close()


async def _answer(session: Session, data: Kept | None, pipe: Pipe, turn: Turn) -> int:
    history, settings = session.agent.history, session.around.settings
    pipe.begin(
        session=session.id,
        agent=session.agent.id,
        model=history.model,
        cwd=str(settings.cwd),
        tools=[tool["name"] for tool in history.agent.tools] if history.agent else [],
        effort=history.effort,
        access=history.access,
        sandbox=session.rig.workspace.sandbox,
        version=__version__,
    )
    pipe.on_closed = partial(_unread, session)
    with _stopped_by(session) as caught:
        end = await turn(session, data)
    code = pipe.finish(end.status, end.sentence)
    return caught[0].value if caught and end.status == "interrupted" else code


async def _turn(session: Session, data: Kept | None) -> Finish:
    """A prompt is answered; without one the unfinished turn goes on."""
    text = session.around.settings.prompt
    goes_on = session.around.settings.continue_ or session.around.settings.resume is not None
    if text is None and goes_on and (data is None or not data.size):
        _check_a_finished_turn(session)
        if not is_unfinished(session.agent.history):
            raise ForkError(
                f"session {session.id} has no unfinished turn, and there is no prompt",
                "give a prompt; `fork show` tells what the last turn came to",
                kind=Kind.USAGE,
            )
        return await go_on(session, __version__)
    attached = await attachments(session, text) if text is not None else []
    prompt = prompt_entry(session, text, data, "argument" if text is not None else "pipe", attached)
    hold_to_checks(session)
    return await prompt_turn(session.agent, session.rig, prompt)


def _check_a_finished_turn(session: Session) -> None:
    """What goes on is held to its checks; where all is done, checks that this run asks for are made anew."""
    settings = session.around.settings
    asked = settings.until is not None or settings.review is not None
    if asked and not is_unfinished(session.agent.history):
        hold_to_checks(session, anew=True)
    go_on_with_checks(session)


def _unread(session: Session) -> bool:
    """Stop the turn, since nobody reads what it says; whether there was one to stop."""
    running = session.agent.task is not None
    session.agent.halt(Stop("signal", "nobody reads the output any more"))
    return running


@contextmanager
def _stopped_by(session: Session) -> Iterator[list[Kind]]:
    """While the turn runs, a signal or the timeout stops it; which one is in the list."""
    loop = asyncio.get_running_loop()
    caught: list[Kind] = []

    def stop(kind: Kind, stop: Stop) -> None:
        caught.append(kind)
        session.agent.halt(stop)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, stop, SIGNALS[number], Stop("signal", f"stopped by {number.name}"))
    limit = session.around.settings.timeout_s
    timer = None
    if limit is not None:
        ended = Stop("limit", f"the limit of {limit:g} s was reached (--timeout)")
        timer = loop.call_later(limit, stop, Kind.LIMIT, ended)
    try:
        yield caught
    finally:
        if timer is not None:
            timer.cancel()
        for number in heeded:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])

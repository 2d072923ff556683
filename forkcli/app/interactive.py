"""The REPL's beginning and end: the prompt is on screen first, everything else comes while the person types.

Above its functions it imports only what the prompt needs.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forkcli.app.late import LateDriver
from forkcli.config import Settings
from forkcli.core.events import Event, Warned
from forkcli.store.lock import HeldError
from forkcli.store.scratch import Scratch
from forkcli.ui.ports import Answer, Question
from forkcli.ui.repl import Repl
from forkcli.ui.sanitize import sanitize
from forkcli.workspace.project import is_risky_root

if TYPE_CHECKING:
    from forkcli.app.crew import Surroundings
    from forkcli.app.driver import ReplDriver
    from forkcli.engine.ports import Ask, Emit

WARM_S = 0.05  # after the prompt is there, the rest of fork and the SDK are imported


class Screen:
    """Joins the REPL with what is built before it is there: events go to it, questions are answered by it."""

    interactive = True

    def __init__(self) -> None:
        self.repl: Repl | None = None

    def on_event(self, event: Event) -> None:
        """Tell the REPL."""
        if self.repl is not None:
            self.repl.on_event(event)

    async def ask(self, question: Question) -> Answer:
        """Ask the person."""
        return "no" if self.repl is None else await self.repl.answer(question)

    async def inquire(self, agent: str, text: str) -> str | None:
        """Put an agent's question to the person."""
        return None if self.repl is None else await self.repl.inquire(agent, text)


def run(settings: Settings) -> int:
    """Run the REPL until it is quit; returns the exit code. Raises ForkError for what stops it before."""
    root = settings.project
    if is_risky_root(root) and not _agreed(
        f"{root} is no project but a home directory, or holds one. Work here all the same?"
    ):
        return 0
    scratch = Scratch(settings.project)
    scratch.ensure()
    try:
        return asyncio.run(converse(settings, scratch))
    except HeldError as held:
        if settings.fork or not _agreed(f"{held.sentence}. Go on in a new fork of it, which leaves it alone?"):
            raise
        return asyncio.run(converse(replace(settings, fork=True), scratch))


async def converse(
    settings: Settings, scratch: Scratch, *, ask: "Callable[[Emit], Ask] | None" = None, once: bool = False
) -> int:
    """The REPL on this project. What `ask` makes answers for the person; with `once` it ends after the first turn."""
    screen = Screen()

    def surround() -> "Surroundings":
        from forkcli.app.assembly import surroundings

        return surroundings(settings, scratch, ask(screen.on_event) if ask else screen, screen.on_event)

    driver = LateDriver(settings, surround)
    try:
        if settings.continue_ or settings.resume is not None:
            await driver.real.measure()
        screen.repl = repl = Repl(driver, history_path=_input_history(settings))
        if once:
            driver.real.after_turn = repl.quit
        if settings.continue_ or settings.resume is not None:
            _show_past(driver.real, screen)
        warming = asyncio.create_task(_warm(driver))
        code = await repl.run(settings.prompt)
        warming.cancel()
        if code == 0 and driver.left is not None and not once:
            sys.stdout.write(f"`fork -c` goes on with this session ({driver.left})\n")
        return code
    finally:
        await driver.leave()


async def _warm(driver: LateDriver) -> None:
    """Once the prompt is there."""
    await asyncio.sleep(WARM_S)
    await driver.warm()


def _show_past(driver: "ReplDriver", screen: Screen) -> None:
    """What happened in the session that is gone on with, and what is left to do in it."""
    from forkcli.core.decide import is_unfinished
    from forkcli.core.rewinding import standing

    if driver.session is None or screen.repl is None:
        return
    agent = driver.session.agent.id
    screen.repl.show_past(standing(driver.history.entries), agent)
    if is_unfinished(driver.history):
        screen.on_event(Warned(agent, "the last turn was not finished: /continue goes on with it, a prompt leaves it"))


def _agreed(question: str) -> bool:
    sys.stderr.write(sanitize(f"{question} [y/N] "))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _input_history(settings: Settings) -> Path | None:
    """Where earlier input is kept, for Ctrl-R and the arrow keys: the user's, across projects."""
    return settings.config_dir / "input-history" if settings.config_dir else None

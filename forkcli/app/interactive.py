"""The REPL's beginning and end: the prompt is on screen first, the SDK and the sandbox come while the person types."""

import asyncio
from pathlib import Path

from forkcli.app.driver import ReplDriver
from forkcli.app.parts import build_model, patience, warm
from forkcli.app.session import Session, Surroundings, resume_session
from forkcli.app.slashes import slashes_for
from forkcli.config import Settings
from forkcli.core.events import Event
from forkcli.core.ids import MAIN, AgentId
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Answer, Question
from forkcli.store.scratch import Scratch
from forkcli.ui.repl import Repl
from forkcli.workspace.base import open_workspace

WARM_S = 0.2  # after the prompt is there, the SDK is imported


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


def run(settings: Settings) -> int:
    """Run the REPL until it is quit; returns the exit code. Raises ForkError for what stops it before."""
    scratch = Scratch(settings.project)
    scratch.ensure()
    return asyncio.run(converse(settings, scratch))


async def converse(settings: Settings, scratch: Scratch) -> int:
    """The REPL on this project."""
    screen = Screen()
    model = build_model(settings)
    workspace = open_workspace(settings.project, settings.add_dirs)
    around = Surroundings(
        settings, scratch, model, workspace, Approvals(screen), patience(interactive=True), screen.on_event
    )
    try:
        driver = ReplDriver(around, _resumed(around))
        driver.commands = slashes_for(driver)
        await driver.measure()
        screen.repl = Repl(driver, history_path=_input_history(settings))
        if driver.session is not None:
            screen.repl.show_past(driver.history.entries, driver.session.agent.id)
        asyncio.get_running_loop().call_later(WARM_S, warm, model)
        return await screen.repl.run(settings.prompt)
    finally:
        await workspace.close()
        await model.close()


def _resumed(around: Surroundings) -> Session | None:
    """The session that the flags name, if they name one."""
    settings = around.settings
    agent = AgentId(settings.agent) if settings.agent else MAIN
    if settings.resume is not None:
        return resume_session(around, around.scratch.find(settings.resume), agent)
    if settings.continue_:
        return resume_session(around, around.scratch.newest(), agent)
    return None


def _input_history(settings: Settings) -> Path | None:
    """Where earlier input is kept, for Ctrl-R and the arrow keys: the user's, across projects."""
    return settings.config_dir / "input-history" if settings.config_dir else None

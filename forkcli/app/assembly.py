"""Joins the parts of a session behind the REPL. Importing this imports nearly all of fork: do it after the prompt."""

from collections.abc import Callable

from forkcli.app.driver import ReplDriver
from forkcli.app.parts import build_model, patience
from forkcli.app.session import Session, Surroundings, resume_session
from forkcli.app.slashes import slashes_for
from forkcli.config import Settings
from forkcli.core.events import Event
from forkcli.core.ids import MAIN, AgentId
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Ask
from forkcli.store.scratch import Scratch
from forkcli.workspace.base import open_workspace


def surroundings(settings: Settings, scratch: Scratch, ask: Ask, emit: Callable[[Event], None]) -> Surroundings:
    """What outlives a session of the REPL. Raises ForkError."""
    model = build_model(settings)
    workspace = open_workspace(settings.project, settings.add_dirs)
    return Surroundings(settings, scratch, model, workspace, Approvals(ask), patience(interactive=True), emit)


def driver_of(around: Surroundings) -> ReplDriver:
    """The driver, with the session that the settings name if they name one. Raises ForkError."""
    driver = ReplDriver(around, _resumed(around))
    driver.commands = slashes_for(driver)
    return driver


def _resumed(around: Surroundings) -> Session | None:
    """The session that the flags name, if they name one."""
    settings = around.settings
    agent = AgentId(settings.agent) if settings.agent else MAIN
    if settings.resume is not None:
        return resume_session(around, around.scratch.find(settings.resume), agent)
    if settings.continue_:
        return resume_session(around, around.scratch.newest(), agent)
    return None

"""Joins the parts of a session behind the REPL. Importing this imports nearly all of fork: do it after the prompt."""

from collections.abc import Callable

from forkcli.app.crew import Surroundings
from forkcli.app.driver import ReplDriver
from forkcli.app.opening import named_session
from forkcli.app.parts import build_model, limiter
from forkcli.app.slashes import slashes_for
from forkcli.config import Settings
from forkcli.core.events import Event
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Ask
from forkcli.store.scratch import Scratch
from forkcli.workspace.base import open_workspace


def surroundings(settings: Settings, scratch: Scratch, ask: Ask, emit: Callable[[Event], None]) -> Surroundings:
    """What outlives a session of the REPL. Raises ForkError."""
    model = build_model(settings)
    workspace = open_workspace(settings.project, settings.add_dirs)
    return Surroundings(settings, scratch, model, workspace, Approvals(ask), limiter(interactive=True), emit)


def driver_of(around: Surroundings) -> ReplDriver:
    """The driver, with the session that the settings name if they name one. Raises ForkError."""
    driver = ReplDriver(around, named_session(around))
    driver.commands = slashes_for(driver)
    return driver

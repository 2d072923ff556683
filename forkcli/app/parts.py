"""Builds the parts of a session from the settings: the model, the tools, what every agent of the session sends."""

import gc
import threading

from forkcli import __version__
from forkcli.config import Settings
from forkcli.core.entries import HISTORY_VERSION, Agent
from forkcli.core.ids import MAIN, SessionId
from forkcli.core.messages import text_block
from forkcli.engine.limiter import Limiter
from forkcli.engine.patience import Patience
from forkcli.engine.ports import Answer, Question
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.catalog import DEFAULT_MODEL, full_name
from forkcli.prompts import text
from forkcli.tools.registry import builtin_tools

# Objects made between two searches for garbage, once everything is imported: what is left in cycles is a few MiB.
GARBAGE = (50_000, 20, 50)


class NobodyToAsk:
    """Fills `Ask` in a pipe: what no flag allowed does not run."""

    interactive = False

    async def ask(self, _question: Question) -> Answer:
        """Refuse."""
        return "no"

    async def inquire(self, _agent: str, _text: str) -> None:
        """Nobody answers."""


def build_model(settings: Settings) -> AnthropicModel:
    """The endpoint of the settings. Raises ForkError when it needs a key and there is none."""
    model = unasked_model(settings)
    missing = model.key_error()
    if missing is not None:
        raise missing
    return model


def unasked_model(settings: Settings) -> AnthropicModel:
    """The endpoint of the settings, for work that asks no model: it needs no key."""
    return AnthropicModel(
        api_key=settings.api_key,
        auth_token=settings.auth_token,
        base_url=settings.base_url,
        idle_timeout_s=settings.idle_timeout_s,
    )


def warm(model: AnthropicModel) -> threading.Thread:
    """Import the SDK while something else goes on: it takes most of a second."""

    def preload() -> None:
        model.preload()
        gc.freeze()  # what was imported stays: passing over it in a search for garbage takes 0.1 s
        gc.set_threshold(*GARBAGE)

    thread = threading.Thread(target=preload, name="import the SDK", daemon=True)
    thread.start()
    return thread


def limiter(*, interactive: bool) -> Limiter:
    """Paces all requests of the process; in the REPL an API that does not answer is asked until Esc."""
    return Limiter(Patience(None, None) if interactive else Patience())


def line_one(settings: Settings, session: SessionId) -> Agent:
    """What the root agent is: written once, and sent the same by every agent of the session from then on."""
    return Agent(
        v=HISTORY_VERSION,
        session=session,
        agent=MAIN,
        kind="main",
        project=str(settings.project),
        model=full_name(settings.model or DEFAULT_MODEL),
        effort=settings.effort,
        system=(text_block(text("system")),),
        tools=tuple(tool.schema for tool in builtin_tools()),
        made_by=__version__,
        access=settings.access,
        net=settings.net,
    )

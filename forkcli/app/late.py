"""The driver that is there before its parts are: the prompt needs few of them, and the rest takes longer than it.

It answers what the screen asks for at every redraw by itself and hands everything else to a `ReplDriver`, which it
makes when one is first needed, at the latest just after the prompt is there. Invariant: a wrong endpoint or a missing
key is told before the prompt.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from forkcli.config import Settings
from forkcli.core.ids import MAIN, SessionId
from forkcli.errors import ForkError
from forkcli.models.endpoint import endpoint, no_key_error
from forkcli.models.names import DEFAULT_MODEL, full_name
from forkcli.ui.ports import ShellEnd, Slash, Status
from forkcli.workspace.gitdirs import quick_branch

if TYPE_CHECKING:
    from forkcli.app.crew import Surroundings
    from forkcli.app.driver import ReplDriver


class LateDriver:
    """Fills `ui.ports.Driver`. `surround` makes what the real one needs; it is called once, in any thread."""

    def __init__(self, settings: Settings, surround: Callable[[], "Surroundings"]) -> None:
        """Raises ForkError(USAGE) for an endpoint that is none, or one without the key that it needs."""
        if not endpoint(settings.base_url, settings.api_key, settings.auth_token).has_key:
            raise no_key_error()
        self._settings = settings
        self._surround = surround
        self._around: Surroundings | None = None
        self._real: ReplDriver | None = None
        self._making = threading.Lock()

    @property
    def real(self) -> "ReplDriver":
        """The real driver, made now if there is none yet. Raises ForkError."""
        with self._making:
            if self._real is None:
                from forkcli.app.assembly import driver_of

                self._around = self._around or self._surround()
                self._real = driver_of(self._around)
            return self._real

    @property
    def left(self) -> SessionId | None:
        """The session that was closed last, if anything was asked in it."""
        return self._real.left if self._real else None

    async def warm(self) -> None:
        """Make the real driver while nothing else is to be done, and let its model get ready."""
        from forkcli.app.parts import warm

        with suppress(ForkError):  # said to whoever uses it first
            await asyncio.to_thread(lambda: self.real)
            warm(self.real.around.model)

    # --- what the screen asks for -----------------------------------------------------------------------------------

    def status(self) -> Status:
        """The status line's facts; before there is a session, what the settings say."""
        if self._real is not None:
            return self._real.status()
        settings = self._settings
        return Status(
            agent=MAIN,
            model=full_name(settings.model or DEFAULT_MODEL),
            effort=settings.effort,
            access=settings.access,
            net=settings.net,
            project=settings.project.name or str(settings.project),
            branch=quick_branch(settings.project),
        )

    def slashes(self) -> Sequence[Slash]:
        """The slash commands."""
        return self.real.slashes()

    def paths(self, prefix: str) -> list[str]:
        """Paths of the project for `@` completion."""
        return self.real.paths(prefix)

    # --- what it does -----------------------------------------------------------------------------------------------

    async def turn(self, text: str) -> None:
        """Answer a prompt."""
        await self.real.turn(text)

    def steer(self, text: str) -> None:
        """Hand a message to the running turn."""
        self.real.steer(text)

    def stop(self) -> None:
        """Stop the running step."""
        self.real.stop()

    async def shell(self, command: str, output: Callable[[str], None]) -> ShellEnd:
        """Run a command as the user."""
        return await self.real.shell(command, output)

    async def close(self) -> None:
        """End the session and everything that still runs."""
        if self._real is not None:
            await self._real.close()

    async def leave(self) -> None:
        """Let go of what outlives a session."""
        with self._making:  # it may just be made
            around = self._around
        if around is not None:
            await around.workspace.close()
            await around.model.close()

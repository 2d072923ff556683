"""The main agent's workspace: the project as it is, its commands in bubblewrap.

It never runs a command without the sandbox unless the command says so. Invariant: `contained` is true only after a
sandbox has worked in this process.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace.containment import Containment
from forkcli.workspace.process import OnOutput, Running
from forkcli.workspace.sandbox import sandbox_argv
from forkcli.workspace.shared import BaseWorkspace, checked_script


class PlainWorkspace(BaseWorkspace):
    """The project's own files. Made by `base.open_workspace`."""

    def __init__(self, roots: Sequence[Path], environ: Mapping[str, str], containment: Containment | None) -> None:
        super().__init__(roots, environ)
        self._containment = containment

    @property
    def sandbox(self) -> str:
        """How commands are contained: `bubblewrap`, perhaps with what it lacks, or `none (why)`."""
        if self._containment is None:
            return "none (switched off)"
        found = self._containment.capability
        if found.launch is None:
            return f"none ({found.why})"
        return "bubblewrap" if found.holder else f"bubblewrap (a network for each command: {found.why_no_holder})"

    @property
    def contained(self) -> bool:
        """Whether there is a working sandbox."""
        return self._containment is not None and self._containment.capability.launch is not None

    async def start(self, command: Command, on_output: OnOutput | None = None) -> Running:
        """Start a command. Raises ForkError when it cannot be contained as asked, or cannot be started."""
        checked_script(command)
        if not command.sandboxed:
            return await self._start_free(command, on_output)
        containment = self._containment
        if containment is None:
            raise ForkError("the sandbox is switched off, and this command was to run in it")
        found = await asyncio.wrap_future(containment.begin())
        policy, launch, env = await asyncio.to_thread(containment.launch, access=command.access, net=command.net)
        filter_fd, filling = os.pipe()  # one for each command: bubblewrap reads it to its end
        os.write(filling, found.seccomp)
        os.close(filling)

        def wrap(shell: list[str]) -> list[str]:
            return sandbox_argv(policy, launch, filter_fd, shell)

        return await self._launch(command, on_output, wrap, env, (filter_fd,), contained=True)

    async def close(self) -> None:
        """End everything that still runs, the holder last."""
        await super().close()
        if self._containment is not None:
            await asyncio.to_thread(self._containment.close)

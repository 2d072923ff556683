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
from forkcli.workspace.files import Files
from forkcli.workspace.process import OnOutput, Running
from forkcli.workspace.sandbox import sandbox_argv
from forkcli.workspace.shared import BaseWorkspace, checked_script


class PlainWorkspace(BaseWorkspace):
    """The project's own files. Made by `open_workspace`."""

    def __init__(
        self,
        roots: Sequence[Path],
        environ: Mapping[str, str],
        containment: Containment | None,
        files: Files | None = None,
    ) -> None:
        super().__init__(roots, environ, files)
        self._containment = containment

    @property
    def containment(self) -> Containment | None:
        """The sandbox, None when it is switched off."""
        return self._containment

    @property
    def known(self) -> bool:
        """Whether it is known by now which sandbox works, so that `sandbox` and `contained` need not wait."""
        return self._containment is None or self._containment.begin().done()

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


def open_workspace(
    root: Path,
    add_dirs: Sequence[Path] = (),
    *,
    environ: Mapping[str, str] | None = None,
    sandbox: bool = True,
    begin: bool = True,
    use_holder: bool = True,
) -> PlainWorkspace:
    """The workspace of a main agent.

    With `begin` (and `sandbox`) the sandbox is tried at once, in a thread; otherwise when it is first asked for, which
    suits an access of `full`. Raises ForkError for a directory that cannot be opened.
    """
    roots: dict[Path, None] = {}
    for folder in (root, *add_dirs):
        try:
            roots[folder.resolve(strict=True)] = None
        except (OSError, RuntimeError) as error:
            raise ForkError(f"{folder} cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    environment = os.environ if environ is None else environ
    containment = Containment(tuple(roots), environment, use_holder=use_holder) if sandbox else None
    workspace = PlainWorkspace(tuple(roots), environment, containment)
    if containment is not None and begin:
        containment.begin()
    return workspace

"""What all kinds of workspaces share: files, commands on their way, and their end.

A kind of workspace adds how commands are contained and where its files lie. Invariant: after `close` no command that
was started here is running.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from forkcli.engine.ports import Command, FileStat
from forkcli.errors import ForkError
from forkcli.workspace import process, survivors
from forkcli.workspace.environment import find_program, own_environment
from forkcli.workspace.files import Files
from forkcli.workspace.process import OnOutput, Running, Spawn
from forkcli.workspace.shell import needs_file, script_file, shell_argv
from forkcli.workspace.spool import Output

_CLOSE_S = 5.0

# makes the whole argument list from that of the shell, the descriptor of the filter included
Wrap = Callable[[list[str]], list[str]]


class BaseWorkspace:
    """Files beneath some roots, and commands in a shell."""

    def __init__(self, roots: Sequence[Path], environ: Mapping[str, str], files: Files | None = None) -> None:
        self._files = files or Files(roots)
        self._environ = dict(environ)
        self._running: set[Running] = set()

    @property
    def root(self) -> Path:
        """The project's directory, absolute."""
        return self._files.root

    @property
    def roots(self) -> tuple[Path, ...]:
        """The root and the added directories."""
        return self._files.roots

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment, from which those of commands are made."""
        return self._environ

    def relative(self, path: str) -> str:
        """`path` as it is shown: relative to the root where it is beneath it."""
        return self._files.relative(path)

    def stat(self, path: str) -> FileStat:
        """What lies at `path`."""
        return self._files.stat(path)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """At most `limit` bytes of a regular file, from byte `offset`."""
        return self._files.read(path, limit, offset)

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, directories with a trailing slash, sorted."""
        return self._files.listdir(path)

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file atomically."""
        self._files.write(path, data)

    async def _launch(
        self,
        command: Command,
        on_output: OnOutput | None,
        wrap: Wrap,
        env: Mapping[str, str],
        pass_fds: tuple[int, ...],
        *,
        contained: bool,
    ) -> Running:
        mark = secrets.token_hex(8)
        script_fd = script_file(command.script) if needs_file(command.script) else None
        fds = pass_fds if script_fd is None else (*pass_fds, script_fd)
        shell = self._shell()

        def argv(report_fd: int) -> list[str]:
            return wrap(
                shell_argv(
                    shell,
                    command.script,
                    command.cwd,
                    str(self._home),
                    report_fd,
                    script_fd=script_fd,
                    limited=contained,
                )
            )

        # a contained command is found by its namespace; a mark in its environment would only tell it that it has one
        environment = dict(env) if contained else {**env, survivors.MARK: mark}
        spawn = Spawn(argv, environment, "/" if contained else str(self._home), contained, mark, fds, command.timeout_s)
        running = await process.start(spawn, Output(command.spool, at_once=command.spool_at_once), on_output)
        self._running = {other for other in self._running if not other.done} | {running}
        return running

    async def _start_free(self, command: Command, on_output: OnOutput | None) -> Running:
        """Start a command that nothing contains: with the user's environment and everything the user may do."""
        env = own_environment(self._environ, self.roots)
        return await self._launch(command, on_output, list, env, (), contained=False)

    @property
    def _home(self) -> Path:
        """Where a shell stands when its own directory is gone."""
        return self.root

    def _shell(self) -> str:
        shell = find_program("bash", self.roots, self._environ)
        if shell is None:
            raise ForkError("bash was not found, and commands run in it", "install bash")
        return shell

    async def close(self) -> None:
        """End everything that still runs, and give the directories back."""
        running = [one for one in self._running if not one.done]
        for one in running:
            one.kill()
        waits = [asyncio.ensure_future(one.wait()) for one in running]
        if waits:
            await asyncio.wait(waits, timeout=_CLOSE_S)
            for wait in waits:
                if wait.done() and not wait.cancelled():
                    wait.exception()  # asked for, so that nobody is told of it later
        self._running.clear()
        self._files.close()


def checked_script(command: Command) -> None:
    """Raises ForkError for a command that no shell could be given."""
    try:
        raw = os.fsencode(command.script) + os.fsencode(command.cwd)
    except UnicodeEncodeError as error:
        raise ForkError("the command is not valid text") from error
    if b"\0" in raw:
        raise ForkError("the command holds a null byte")

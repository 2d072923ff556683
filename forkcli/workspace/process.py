"""One command on its way: its process, its output, its end.

It knows nothing of policies: it is given arguments and an environment. Standard input is empty, there is no terminal.
Invariant: when `wait` has returned or was cancelled, no process of a contained command is alive, and of another one
none that is still in its group.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from forkcli.engine.ports import CommandEnd
from forkcli.errors import ForkError
from forkcli.workspace import survivors
from forkcli.workspace.shell import parse_report
from forkcli.workspace.spool import Output

_CHUNK = 65536
_DRAIN_S = 0.5  # for output that is still on its way when the command has ended
_KILL_S = 5.0

OnOutput = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Spawn:
    """What is started: `argv` is made from the descriptor on which the shell reports."""

    argv: Callable[[int], list[str]]
    env: Mapping[str, str]
    cwd: str
    contained: bool
    mark: str
    pass_fds: tuple[int, ...] = ()  # the child's own; closed here once it has started
    timeout_s: float | None = None


class Running:
    """A command that was started; fills `RunningCommand`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        spawn: Spawn,
        output: Output,
        pipes: tuple[int, int],
        on_output: OnOutput | None,
        began: float,
    ) -> None:
        self._process = process
        self._spawn = spawn
        self._output = output
        self._out_fd, self._report_fd = pipes
        self._on_output = on_output
        self._killed = False
        self._timed_out = False
        self._fault: ForkError | None = None
        self._began = began
        self._loop = asyncio.get_running_loop()
        self._eof = self._loop.create_future()
        self._loop.add_reader(self._out_fd, self._readable)
        self._task = asyncio.create_task(self._run())

    async def wait(self) -> CommandEnd:
        """Until its end. Cancelling the wait kills the command and all it started."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self.kill()
            await asyncio.wait({self._task}, timeout=_KILL_S)
            raise

    def kill(self) -> None:
        """Kill it and all it started."""
        if self._process.returncode is None and not self._killed:
            self._killed = True
            if self._spawn.contained:
                survivors.kill_contained(self._process.pid)
            else:
                survivors.kill_all(self._process.pid, self._spawn.mark)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    def _readable(self) -> None:
        try:
            chunk = os.read(self._out_fd, _CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            self._loop.remove_reader(self._out_fd)
            if not self._eof.done():
                self._eof.set_result(None)
            return
        if not self._output.over and self._fault is None:  # else it is being killed
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        try:
            self._output.add(chunk)
        except ForkError as fault:
            self._fault = fault
            self.kill()
            return
        if self._on_output is not None:
            self._on_output(chunk)
        if self._output.over:
            self.kill()

    async def _run(self) -> CommandEnd:
        try:
            await self._until_end()
            seconds = time.monotonic() - self._began
            await self._drain()
            return self._end(seconds)
        finally:
            self._close()

    async def _until_end(self) -> None:
        try:
            async with asyncio.timeout(self._spawn.timeout_s):
                await self._process.wait()
        except TimeoutError:
            self._timed_out = True
            self.kill()
            await self._process.wait()

    async def _drain(self) -> None:
        if not self._spawn.contained:
            survivors.kill_group(
                self._process.pid
            )  # what it left behind in the background ends with it, as in a sandbox
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.shield(self._eof)

    def _close(self) -> None:
        self.kill()
        self._loop.remove_reader(self._out_fd)
        os.close(self._out_fd)
        os.close(self._report_fd)
        self._output.close()
        if not self._eof.done():
            self._eof.cancel()

    def _end(self, seconds: float) -> CommandEnd:
        if self._fault is not None:
            raise self._fault
        try:
            report = os.read(self._report_fd, _CHUNK)
        except BlockingIOError:
            report = b""
        started, cwd = parse_report(report)
        head, tail = (part.decode("utf-8", "replace") for part in self._output.ring.head_and_tail())
        code = self._process.returncode
        if not started and not self._killed:
            raise ForkError(f"the command could not be started: {head.strip()[:300] or f'exit code {code}'}")
        if code is not None and code < 0:
            code = 128 - code
        return CommandEnd(
            exit_code=None if self._killed else code,
            head=head,
            tail=tail,
            total=self._output.ring.total,
            spooled=self._output.spooled,
            cwd=cwd,
            timed_out=self._timed_out,
            capped=self._output.over,
            seconds=seconds,
        )


async def start(spawn: Spawn, output: Output, on_output: OnOutput | None = None) -> Running:
    """Start a command. Raises ForkError when its program cannot be run."""
    began = time.monotonic()
    out_read, out_write = os.pipe()
    report_read, report_write = os.pipe()
    os.set_blocking(report_read, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *spawn.argv(report_write),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out_write,
            stderr=out_write,
            env=dict(spawn.env),
            cwd=spawn.cwd,
            start_new_session=True,
            pass_fds=(report_write, *spawn.pass_fds),
        )
    except BaseException as error:
        os.close(out_read)
        os.close(report_read)
        output.close()
        if isinstance(error, OSError):
            raise ForkError(f"the command could not be started: {error.strerror}") from error
        raise
    finally:
        for fd in (out_write, report_write, *spawn.pass_fds):
            os.close(fd)
    return Running(process, spawn, output, (out_read, report_read), on_output, began)

"""Background jobs of one agent: commands that go on while it works, each with an id and an output file.

A job ends when its command does, when the agent stops it, or with fork. Its end is a message to the agent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forkcli.core.entries import Message
from forkcli.engine.ports import CommandEnd, RunningCommand
from forkcli.errors import ForkError

TAIL_CHARS = 2000
MAX_RUNNING = 16


@dataclass(frozen=True, slots=True)
class _Job:
    command: str
    output_file: Path
    running: RunningCommand
    watcher: asyncio.Task[CommandEnd]


class AgentJobs:
    """Fills the `Jobs` port. `first` is the number of the next job, so that a resumed agent reuses no id."""

    def __init__(self, ended: Callable[[Message], None], first: int = 1) -> None:
        self._ended = ended
        self._next = first
        self._jobs: dict[str, _Job] = {}
        self._told: set[str] = set()  # of these no message tells the end

    @property
    def running(self) -> dict[str, str]:
        """Ids and commands of those alive, oldest first."""
        return {key: job.command for key, job in self._jobs.items()}

    def start(self, running: RunningCommand, command: str, output_file: Path) -> str:
        """Take over a running command; returns its id. Beyond 16 jobs the command is killed and ForkError raised."""
        if len(self._jobs) >= MAX_RUNNING:
            running.kill()
            raise ForkError(f"{MAX_RUNNING} background jobs run already", "stop one of them first")
        job = f"j{self._next}"
        self._next += 1
        watcher = asyncio.create_task(self._watch(job, running))
        self._jobs[job] = _Job(command, output_file, running, watcher)
        return job

    async def stop(self, job: str) -> CommandEnd:
        """Kill a job and wait for its end; no message follows. ForkError for an unknown id."""
        found = self._jobs.get(job)
        if found is None:
            known = ", ".join(self._jobs) or "none"
            raise ForkError(f"there is no background job {job}", f"running: {known}")
        self._told.add(job)
        found.running.kill()
        return await found.watcher

    async def look(self, job: str, seconds: float) -> CommandEnd | None:
        """Wait so long for a job just started; if it ends meanwhile, its end is returned and no message follows."""
        watcher = self._jobs[job].watcher
        self._told.add(job)
        await asyncio.wait([watcher], timeout=seconds)
        if watcher.done():
            return watcher.result()
        self._told.discard(job)
        return None

    async def close(self) -> None:
        """Kill all of them."""
        jobs = list(self._jobs)
        self._told.update(jobs)
        for job in list(self._jobs.values()):
            job.running.kill()
            await job.watcher

    async def _watch(self, job: str, running: RunningCommand) -> CommandEnd:
        end = await running.wait()
        known = self._jobs.pop(job, None)
        if job not in self._told and known is not None:
            self._ended(Message(job, _told(known, end), job=job))
        return end


def _told(job: _Job, end: CommandEnd) -> str:
    how = "was killed" if end.exit_code is None else f"ended with exit code {end.exit_code}"
    tail = (end.tail or end.head)[-TAIL_CHARS:].strip()
    said = f"\nLast output:\n{tail}" if tail else ""
    return f"The background job `{job.command}` {how} after {end.seconds:.1f} s. Output: {job.output_file}{said}"

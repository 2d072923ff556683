"""Where benchmarks run: a temporary home and project, the real command, a scripted server."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forkcli.models.scripted.script import Reply
from forkcli.models.scripted.server import ScriptedServer

ROOT = Path(__file__).resolve().parent.parent.parent
KEEP = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
# Starts the command as a child of a small process: a process begins with the peak memory of the one that started it.
SPAWNER = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a row came to: its text, and whether it keeps its bar."""

    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    key: str
    what: str
    bar: str
    measure: Callable[["Lab"], Figure]


@dataclass(frozen=True, slots=True)
class Lab:
    """A place to measure in. `fork` is the command line that starts the installed entry point's code."""

    place: Path
    project: Path
    env: dict[str, str]
    fork: tuple[str, ...]

    def run(self, command: Sequence[str], *, env: dict[str, str] | None = None) -> float:
        """Run a command to its end in the project; seconds. Raises CalledProcessError when it fails."""
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=self.project,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        took = time.perf_counter() - begun
        if done.returncode:
            sys.stderr.write(done.stderr.decode(errors="replace"))
            done.check_returncode()
        return took

    def peak_mib(self, command: Sequence[str]) -> float:
        """Peak resident memory of a command, in MiB."""
        told = self.place / "peak"
        self.run([sys.executable, "-S", "-c", SPAWNER, str(told), *command])
        return int(told.read_text()) / 1024

    def turn(self, server: ScriptedServer, prompt: str = "go", *more: str) -> list[str]:
        """The command line of one `-p` turn against a server."""
        return [*self.fork, "-p", prompt, "--base-url", server.base_url, *more]

    def forget(self) -> None:
        """Drop all sessions."""
        shutil.rmtree(self.project / ".fork", ignore_errors=True)


@contextmanager
def lab() -> Iterator[Lab]:
    """A lab, removed at its end."""
    with tempfile.TemporaryDirectory(prefix="fork-bench-") as name:
        place = Path(name)
        home, project = place / "home", place / "project"
        home.mkdir()
        (project / "src").mkdir(parents=True)
        (project / "src/hello.py").write_text('print("hello")\n' * 20)
        door = place / "fork"
        door.write_text("import sys\nfrom forkcli.__main__ import enter\nsys.exit(enter())\n")
        env = {name: os.environ[name] for name in KEEP if name in os.environ}
        env |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "ANTHROPIC_API_KEY": "bench", "TERM": "xterm-256color"}
        for words in (
            ["init", "-q"],
            ["add", "."],
            ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "Begin"],
        ):
            subprocess.run(["git", *words], cwd=project, env=env, check=True)
        yield Lab(place, project, env, (sys.executable, str(door)))


def interleaved(times: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure, taken in turns, so that what slows the machine slows all; one run to warm up."""
    for measure in measures:
        measure()
    taken = [[measure() for measure in measures] for _ in range(times)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def steps(count: int, *call: dict[str, object]) -> list[Reply]:
    """A script: the same calls `count` times, then an end."""
    return [Reply(list(call), times=count), Reply([{"type": "text", "text": "Done."}], times=0)]

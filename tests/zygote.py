"""Runs of the real command, each a process of its own, that start in a hundredth of a second."""

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from forkcli.core.messages import Json

HERE = Path(__file__).resolve().parent
WAIT_S = 40.0


class Running:
    """A run of the command that goes on. `code` is negative for a signal that ended it."""

    def __init__(self, pid: int, answers: int, out: Path, err: Path) -> None:
        self.pid = pid
        self._answers = answers
        self._out, self._err = out, err
        self._code: int | None = None

    @property
    def stdout(self) -> str:
        return self._out.read_bytes().decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.read_bytes().decode(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._code is not None or self._told(0)

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Until its end; its exit code. A run that does not end is killed, and the test fails."""
        if self._code is None:
            self._code = self._ended(timeout_s)
            os.close(self._answers)
        return self._code

    def _told(self, timeout_s: float) -> bool:
        """Whether its end is told within this time."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def _ended(self, timeout_s: float) -> int:
        if not self._told(timeout_s):
            self.kill()
            raise AssertionError(f"the run did not end in {timeout_s:g} s; it said:\n{self.stdout}\n{self.stderr}")
        return int(os.read(self._answers, 100))


class Zygote:
    """Starts runs of the command quickly; see zygote_process.py."""

    def __init__(self) -> None:
        self._line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parent), "HOME": "/nonexistent"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "zygote_process.py"), str(other.fileno())],
            pass_fds=[other.fileno()],
            stdout=subprocess.PIPE,
            env=env,
        )
        other.close()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def start(self, job: Json, stdin: int, out: Path, err: Path) -> Running:
        umask = os.umask(0o077)
        os.umask(umask)
        reader, writer = os.pipe()
        with out.open("wb") as stdout, err.open("wb") as stderr:
            fds = [stdin, job.pop("stdout", stdout.fileno()), stderr.fileno(), writer]
            socket.send_fds(self._line, [json.dumps({**job, "umask": umask}).encode()], fds)
        os.close(writer)
        return Running(int(_line(reader)), reader, out, err)

    def close(self) -> None:
        self._line.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _line(fd: int) -> bytes:
    """One line, and not a byte more."""
    found = b""
    while not found.endswith(b"\n"):
        byte = os.read(fd, 1)
        assert byte, "the run could not be started"
        found += byte
    return found


@functools.cache
def the_zygote() -> Zygote:
    """The one of this process of pytest."""
    return Zygote()


def close_zygote() -> None:
    """End it, if there ever was one."""
    if the_zygote.cache_info().currsize:
        the_zygote().close()
        the_zygote.cache_clear()


def run_command(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes = b"", timeout_s: float = WAIT_S
) -> "subprocess.CompletedProcess[bytes]":
    """Run `fork WORDS…` to its end, with this environment and nothing else of the caller's."""
    with tempfile.TemporaryDirectory() as folder:
        out, err, given = (Path(folder) / name for name in ("out", "err", "in"))
        given.write_bytes(stdin)
        with given.open("rb") as file:
            job = {"words": list(words), "cwd": str(cwd), "env": dict(env)}
            running = the_zygote().start(job, file.fileno(), out, err)
        code = running.wait(timeout_s)
        return subprocess.CompletedProcess(list(words), code, out.read_bytes(), err.read_bytes())

"""A process that has imported fork once and starts each run as a fork of itself: the command in a tenth of the time.

Every run is a process of its own, with its own streams, directory, environment and signals, and ends as the command
does. It is a program of the tests: `zygote.Zygote` sends it a line of JSON and four descriptors a run (standard input,
output, error, and a pipe on which it tells the process id and then the exit code).
"""

import array
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Job = dict[str, Any]
LONGEST_JOB = 1 << 20


def preload() -> None:
    """Import what a run needs; no thread may be started, since a fork takes only the calling one along."""
    import forkcli

    for module in pkgutil.walk_packages(forkcli.__path__, "forkcli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("anthropic", "httpx2", "git", "genai_prices", "PIL.Image", "asyncio", "_strptime", "tempfile"):
        importlib.import_module(name)
    from forkcli.models.anthropic import AnthropicModel

    AnthropicModel(api_key="none", base_url="http://127.0.0.1:9").preload()


def serve(line: socket.socket) -> None:
    """Start a run for each job until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, fds = _receive(line)
        if not data:
            return
        if os.fork() == 0:
            line.close()
            _keep(json.loads(data), fds)
        for fd in fds:
            os.close(fd)


def _receive(line: socket.socket) -> tuple[bytes, list[int]]:
    fds = array.array("i")
    data, ancillary, _flags, _sender = line.recvmsg(LONGEST_JOB, socket.CMSG_LEN(4 * fds.itemsize))
    for _level, _kind, packed in ancillary:
        fds.frombytes(packed)
    return data, list(fds)


def _keep(job: Job, fds: Sequence[int]) -> None:
    """Be the run's parent: tell its process id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(fds[3])
        _run(job, fds)
    for fd in fds[:3]:
        os.close(fd)
    os.write(fds[3], f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(fds[3], f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(job: Job, fds: Sequence[int]) -> None:
    os.setsid()
    for number, fd in enumerate(fds[:3]):
        os.dup2(fd, number)
    for fd in fds[:3]:
        os.close(fd)
    os.environ.clear()
    os.environ.update(job["env"])
    for name in job.get("unset", ()):
        os.environ.pop(name, None)
    for name, bounds in job.get("rlimits", {}).items():
        resource.setrlimit(getattr(resource, name), bounds)
    if "uid" in job:
        os.setgroups([])
        os.setgid(job["uid"])
        os.setuid(job["uid"])
    for name in job.get("ignores", ()):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.umask(job["umask"])
    os.chdir(job["cwd"])
    sys.argv = ["fork", *(os.fsdecode(word.encode("utf-8", "surrogateescape")) for word in job["words"])]
    if "die_opening" in job:
        _die_opening(job["die_opening"])
    if "die_recording" in job:
        _die_recording(job["die_recording"])
    if "die_writing" in job:
        _die_writing(*job["die_writing"])
    if "die_changing" in job:
        _die_changing(job["die_changing"])
    if "die_placing" in job:
        _die_placing(job["die_placing"])
    code = _main()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # to take apart all that was imported costs more than the run


def _main() -> int:
    """The command, as the interpreter would run it; returns the exit code."""
    from forkcli.__main__ import main

    try:
        return main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
            sys.stderr.flush()
            os._exit(1)


def _die_opening(name: str) -> None:
    """Kill this process with SIGKILL when a file called `name` is opened."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and Path(str(args[0])).name.removeprefix(".").startswith(name):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _die_changing(count: int) -> None:
    """Kill this process with SIGKILL before it renames, links or removes something for the `count`-th time."""
    seen = 0

    def audit(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        del args
        if event in {"os.rename", "os.link", "os.remove"}:
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _die_placing(name: str) -> None:
    """Kill this process with SIGKILL before it links or renames something to a file called `name`."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in {"os.rename", "os.link"} and Path(os.fsdecode(args[1])).name == name:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _die_recording(kind: str) -> None:
    """Kill this process with SIGKILL before it writes an entry of this type to a history."""
    write, sign = os.write, f'"type":"{kind}"'.encode()

    def dying(fd: int, data: bytes) -> int:
        if sign in data and os.readlink(f"/proc/self/fd/{fd}").endswith("/history.jsonl"):
            os.kill(os.getpid(), signal.SIGKILL)
        return write(fd, data)

    os.write = dying


def _die_writing(count: int, share: float) -> None:
    """Kill this process with SIGKILL in its `count`-th write to a history, when `share` of the bytes are written."""
    write, seen = os.write, 0

    def dying(fd: int, data: bytes) -> int:
        nonlocal seen
        if os.readlink(f"/proc/self/fd/{fd}").endswith("/history.jsonl"):
            seen += 1
            if seen == count:
                write(fd, data[: int(len(data) * share)])
                os.kill(os.getpid(), signal.SIGKILL)
        return write(fd, data)

    os.write = dying


if __name__ == "__main__":
    preload()
    gc.collect()
    gc.freeze()  # no run has to look through, and so to copy, what is here already
    os.write(1, b"ready\n")
    serve(socket.socket(fileno=int(sys.argv[1])))

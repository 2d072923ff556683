"""Runs git: the only user of GitPython, of which it uses the command runner alone.

git is found outside the project, is given the environment that is written here and no other, and is kept from running
what a repository names: fsmonitor, hooks, pagers, helpers, remotes, lazy fetches. Invariant: no call outlives its time,
and no call takes more output than its limit.
"""

import importlib
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from forkcli.errors import ForkError
from forkcli.workspace.environment import find_program

UMASK = 0o077  # what git writes for fork is nobody else's
_loading = Lock()

FIXED = (
    *("-c", "core.fsmonitor="),  # empty: git before 2.37 takes `false` for a program's path
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.pager=cat"),
    *("-c", "core.sshCommand=false"),
    *("-c", "core.alternateRefsCommand="),
    *("-c", "core.askPass=true"),
    *("-c", "credential.helper="),
    *("-c", "protocol.allow=never"),
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "submodule.recurse=false"),
    *("-c", "diff.ignoreSubmodules=all"),
    *("-c", "log.showSignature=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "color.ui=false"),
    *("-c", "core.quotePath=false"),
)

# What every git of ours sees. GIT_ALLOW_PROTOCOL outranks any `protocol.<name>.allow` that a repository sets.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ASKPASS": "true",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
}


@dataclass(frozen=True, slots=True)
class GitResult:
    """How a git ended: its exit code, what it wrote, and whether it was stopped because it wrote too much."""

    code: int
    out: bytes
    err: str
    cut: bool = False


def execute(
    root: Path,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    timeout_s: float,
    most_bytes: int,
    stdin: bytes = b"",
    umask: int = UMASK,
) -> GitResult:
    """Run `argv` (a git, by its absolute path) with `env` as its whole environment, from the directory `root`.

    `umask` is -1 where git writes files for the user, as they would be.

    Raises ForkError: no `env` program, it could not be started, it did not end in time.
    """
    clean = find_program("env", (root,))
    if clean is None:
        raise ForkError("the program env was not found, and git is started with it", "install coreutils")
    _load(root)
    from git.cmd import Git

    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        given = None
        if stdin:  # a file: unlike a pipe it cannot block the one who fills it
            given = stack.enter_context(tempfile.TemporaryFile())
            given.write(stdin)
            given.seek(0)
        try:
            assigned = [f"{name}={value}" for name, value in env.items()]
            words = [clean, "-i", *assigned, *argv]
            started = Git(str(root)).execute(words, given, as_process=True, shell=False, umask=umask)
        except OSError as error:
            raise ForkError(f"git could not be started: {error.strerror}") from error
    process, started.proc = started.proc, None  # ours to end: the runner's own way waits without a bound
    if process is None:
        raise ForkError("git could not be started")
    try:
        return _collect(process, deadline, most_bytes)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def checked(ran: GitResult) -> bytes:
    """What a git wrote that ended well, or was cut short. Raises ForkError with what it complained about."""
    if ran.code != 0 and not ran.cut:
        raise ForkError(complaint(ran))
    return ran.out


def complaint(ran: GitResult) -> str:
    """The last line that a git complained with, as a sentence."""
    lines = [line for line in ran.err.splitlines() if line.strip()]
    return f"git failed: {lines[-1].removeprefix('fatal: ')[:300] if lines else f'code {ran.code}'}"


def _load(root: Path) -> None:
    """Import GitPython, which runs `git version` when it is imported: by a path of ours, and silently if that fails."""
    with _loading:
        if "git.cmd" in sys.modules:
            return
        ours = {
            "GIT_PYTHON_GIT_EXECUTABLE": find_program("git", (root,)) or "/nonexistent",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        theirs = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            importlib.import_module("git.cmd")
        finally:
            for name, value in theirs.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _collect(process: "subprocess.Popen[bytes]", deadline: float, most_bytes: int) -> GitResult:
    """Read both streams until they end, the time is up or there is too much."""
    taken = {"out": bytearray(), "err": bytearray()}
    with selectors.DefaultSelector() as selector:
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            if stream is not None:
                selector.register(stream.fileno(), selectors.EVENT_READ, name)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise ForkError("git did not answer in time")
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fd)
                taken[key.data] += chunk
            if len(taken["out"]) > most_bytes or len(taken["err"]) > most_bytes:
                return GitResult(1, bytes(taken["out"][:most_bytes]), "", cut=True)
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise ForkError("git did not answer in time") from None
    return GitResult(code, bytes(taken["out"]), taken["err"].decode("utf-8", "replace"))

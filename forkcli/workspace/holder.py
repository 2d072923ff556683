"""One process for each agent that owns its user, mount and network namespaces.

Its commands enter them, so that a server which one command started answers the next one's requests and nobody else's,
and so that they share one private /tmp. It never runs anything of the model's. Invariant: it ends when its input does,
so no holder outlives fork, however fork ends.
"""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.looking import is_real_dir

_READY_S = 5.0
_CLOSE_S = 0.05
# Places that a sandbox covers anyway: one of them can carry the agent's /tmp in the holder's own view.
_SCRATCH_PLACES = (Path("/var/tmp"), Path("/tmp"))


def scratch_place(used: Iterable[Path]) -> Path | None:
    """Where an agent's /tmp can be mounted without hiding one of the `used` paths; None if nowhere."""
    used = tuple(used)
    for place in _SCRATCH_PLACES:
        taken = any(place == path or place in path.parents for path in used)
        if not taken and is_real_dir(place):
            return place
    return None


class Holder:
    """A running holder. Made by `start_holder`."""

    def __init__(self, process: "subprocess.Popen[bytes]", nsenter: str, scratch: Path | None) -> None:
        self._process = process
        self._nsenter = nsenter
        self.scratch = scratch

    @property
    def pid(self) -> int:
        """Its process id; not given to another process before `alive` was false."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its namespaces can be entered."""
        return self._process.poll() is None

    def enter(self, *, net: bool) -> tuple[str, ...]:
        """The argv prefix that enters its namespaces; with `net` the host's network is kept."""
        namespaces = ("-U", "-m") if net else ("-U", "-m", "-n")
        return (self._nsenter, "-t", str(self.pid), *namespaces, "--preserve-credentials", "--")

    def close(self) -> None:
        """End it. What runs in its namespaces keeps them until its own end.

        An overlay that is unmounted has its whole file system written to disk first, which can take seconds on a busy
        machine: after a moment that is left to happen by itself.
        """
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, name="reap a holder", daemon=True).start()


def start_holder(
    nsenter: str,
    waiter: str,
    scratch: Path | None,
    environ: Mapping[str, str],
    timeout_s: float = _READY_S,
    *,
    steps: Sequence[str] = (),
    enter: Sequence[str] = (),
) -> Holder:
    """Start a holder and wait until it is ready. Raises ForkError saying in a phrase why it cannot be had.

    `steps` is what it mounts, in the words of holder_child.py; `enter` the argv prefix that enters the namespaces in
    which it makes its own, if these are not fork's.
    """
    child = Path(__file__).with_name("holder_child.py")
    argv = [*enter, sys.executable, "-I", "-S", "-B", str(child), str(scratch or ""), waiter, *steps]
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise ForkError(f"the namespaces' holder could not be started: {error.strerror}") from error
    holder = Holder(process, nsenter, scratch)
    answer = _first_line(process, timeout_s)
    if answer != "ready":
        holder.close()
        raise ForkError(answer or "the namespaces' holder did not get ready")
    return holder


def _first_line(process: "subprocess.Popen[bytes]", timeout_s: float) -> str:
    if process.stdout is None:
        return ""
    poll = select.poll()  # select itself fails beyond 1,024 descriptors
    poll.register(process.stdout, select.POLLIN)
    readable = poll.poll(timeout_s * 1000)
    return os.read(process.stdout.fileno(), 1000).decode(errors="replace").strip() if readable else ""

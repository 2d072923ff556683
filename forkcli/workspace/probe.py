"""What sandbox works on this machine: the very command line that is used later is tried once.

The answer is kept for the life of the process. It never guesses from versions or settings. Invariant: a sandbox that is
reported as working has run a shell on this machine, with this bubblewrap, in this process.
"""

import os
import platform
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from forkcli.workspace.holder import Holder
from forkcli.workspace.sandbox import Launch, Policy, sandbox_argv
from forkcli.workspace.seccomp import socket_filter

_PROBE_S = 10.0
_ANSWER = 42  # an exit code that only the shell inside can have given


@dataclass(frozen=True, slots=True)
class Capability:
    """What works: `launch` is None where nothing does, and `why` says it in a phrase."""

    launch: Launch | None
    seccomp: bytes = b""
    holder: bool = False  # whether commands can enter a holder's namespaces
    why: str = ""
    why_no_holder: str = ""


_known: dict[tuple[str, str], Capability] = {}
_lock = threading.Lock()


def forget() -> None:
    """Probe again next time, for instance after something was installed."""
    with _lock:
        _known.clear()


def probe(
    bwrap: str,
    shell: str,
    policy: Policy,
    environ: Mapping[str, str],
    holder: Holder | None,
    why_no_holder: str = "",
) -> Capability:
    """Try with the holder and without, with bubblewrap's own ban on user namespaces and with the filter's."""
    if (machine_filter := socket_filter()) is None:
        return Capability(None, why=f"no system call filter is known for {platform.machine()}")
    base = Launch(bwrap, os.getuid(), os.getgid())
    complaint = ""
    for held in (True, False) if holder is not None else (False,):
        for disable_userns in (True, False):
            code = machine_filter if disable_userns else socket_filter(deny_userns=True) or b""
            launch = replace(base, disable_userns=disable_userns, own_net=not held)
            entered = replace(launch, enter=holder.enter(net=False)) if held and holder is not None else launch
            scratch = holder.scratch if held and holder is not None else None
            complaint = _try(replace(policy, scratch=scratch), entered, code, shell, environ)
            if not complaint:
                return Capability(launch, code, held, why_no_holder="" if held else why_no_holder)
            if held and not why_no_holder and disable_userns:
                why_no_holder = phrase(complaint)
    return Capability(None, why=phrase(complaint))


def remember(bwrap: str, holder_key: str, find: Callable[[], Capability]) -> Capability:
    """What `find` says, asked once for a process."""
    with _lock:
        found = _known.get((bwrap, holder_key))
        if found is None:
            found = _known[bwrap, holder_key] = find()
        return found


def _try(policy: Policy, launch: Launch, code: bytes, shell: str, environ: Mapping[str, str]) -> str:
    """What was said against it; empty when it worked."""
    read, write = os.pipe()
    try:
        os.write(write, code)
        os.close(write)
        argv = sandbox_argv(policy, launch, read, [shell, "--noprofile", "--norc", "-c", f"exit {_ANSWER}"])
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            cwd="/",
            pass_fds=(read,),
            timeout=_PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it did not answer"
    except OSError as error:
        return str(error)
    finally:
        os.close(read)
    if done.returncode == _ANSWER:
        return ""
    return done.stderr.decode(errors="replace").strip() or f"it ended with code {done.returncode}"


def phrase(complaint: str) -> str:
    """A complaint of bubblewrap's as one phrase for people."""
    last = complaint.strip().splitlines()[-1] if complaint.strip() else "it did not start"
    low = complaint.lower()
    if "unknown option" in low:
        return "bubblewrap is too old"
    forbidden = ("uid map", "creating new namespace", "create new namespace", "no permissions", "unshare")
    if any(word in low for word in forbidden):
        return "user namespaces are forbidden here"
    if "seccomp" in low:
        return "the kernel has no seccomp filters"
    return last.removeprefix("bwrap: ")[:100]

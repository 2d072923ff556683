"""Find and kill all that a command started, whatever it did to get away.

It only ever kills processes that descend from the command, share its process group, or carry its mark in their
environment. Invariant: it returns when none of these is left, or after a bounded number of rounds.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from forkcli.workspace.looking import is_dir

_PROC = Path("/proc")
_ROUNDS = 20
_PAUSE_S = 0.005
MARK = "FORK_COMMAND"


def descendants(pid: int) -> set[int]:
    """All living descendants of a process; empty where the kernel does not tell."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in _children(todo.pop()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                children += [int(word) for word in (task / "children").read_text("ascii").split()]
    return children


def marked(mark: str) -> set[int]:
    """Processes that were started with `MARK=mark` in their environment, less this one."""
    needle = f"{MARK}={mark}".encode()
    found: set[int] = set()
    if not is_dir(_PROC):
        return found
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if needle in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def kill(pid: int) -> None:
    """Kill one process, if it is still there and ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill a process group, if there is one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_contained(pid: int) -> None:
    """Kill a sandbox by its outermost process: the namespace's first process dies with it, and all others with that."""
    inside = descendants(pid)  # asked before: a sandbox that is only being made has not tied itself to its parent yet
    kill_group(pid)
    kill(pid)
    for child in inside:
        kill(child)


def kill_all(pid: int, mark: str) -> None:
    """Kill a command that no sandbox holds: its group, its descendants, and whoever carries its mark."""
    family = descendants(pid)
    kill_group(pid)
    for member in family:
        kill(member)
    for _ in range(_ROUNDS):
        left = {member for member in marked(mark) if not _is_zombie(member)}
        if not left:
            return
        for member in left:
            kill(member)
        time.sleep(_PAUSE_S)


def _is_zombie(pid: int) -> bool:
    try:
        stat = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}

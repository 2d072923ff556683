"""`fork clean`: which sessions could go, and removing them.

It never touches a session that a process works in, nor one that holds the only copy of work that is merged nowhere.

Looking and removing are two steps, so that whoever asks shows exactly what will go. A session leaves its place by one
rename under its own lock: a removal that is cut short leaves no half session behind, only a folder that the next
`clean` removes.
"""

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forkcli.commands.ls import iso
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.views import CleanView, Leftover
from forkcli.errors import ForkError, Kind
from forkcli.store.lineage import Lineage
from forkcli.store.lock import HeldError, guest, is_locked, lock_session
from forkcli.store.scratch import Scratch, SessionSummary, agent_names
from forkcli.workspace.layers import clear
from forkcli.workspace.looking import is_real_dir

MOST = 5  # agents that are named
GONE = ".removed-"  # no session's name begins so


def leftovers(
    project: Path,
    *,
    session: str | None = None,
    older_than_days: float | None = None,
    keep: int | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CleanView:
    """The sessions that could go: the named one, else all that are older and not among the newest `keep`."""
    scratch = Scratch(project)
    summaries = scratch.sessions()
    if session is not None:
        named = scratch.find(session)
        chosen = [one for one in summaries if one.id == named]
    else:
        chosen = summaries[keep or 0 :]
        if older_than_days is not None:
            limit = now() - timedelta(days=older_than_days)
            chosen = [one for one in chosen if one.updated < limit]
    held = {one.id: pid for one in chosen if (pid := is_locked(one.folder)) is not None}
    if session is not None and held:
        raise ForkError(f"session {chosen[0].id} is in use by process {held[chosen[0].id]}", "end it first")
    works = {one.id: work for one in chosen if one.id not in held and (work := _unmerged(one.folder))}
    if session is not None and works:
        raise _only_copy(chosen[0].folder, works[chosen[0].id])
    kept = [f"{name} is in use by process {pid}" for name, pid in held.items()]
    kept += [f"{name} holds the only copy of what {_listed(work)} did" for name, work in works.items()]
    return CleanView(tuple(_leftover(one) for one in chosen if one.id not in {*held, *works}), tuple(kept))


def remove(project: Path, view: CleanView) -> CleanView:
    """Remove these sessions; returns those that are gone. Raises ForkError(STORAGE) if a file stays."""
    scratch = Scratch(project)
    gone: list[Leftover] = []
    kept: list[str] = []
    for one in view.sessions:
        folder = scratch.session_folder(one.session)
        try:
            with lock_session(folder):
                if (pid := guest(folder)) is not None:
                    raise HeldError(f"a fork in session {folder.name} is in use by process {pid}")
                if work := _unmerged(folder):  # done since somebody looked
                    raise _only_copy(folder, work)
                away = folder.rename(folder.with_name(GONE + folder.name))
        except ForkError as error:
            kept.append(error.sentence)
        except OSError as error:
            raise _cannot(folder, error) from error
        else:
            _delete(away)
            gone.append(one)
    for rest in _cut_short(scratch):
        _delete(rest)
    return CleanView(tuple(gone), tuple(kept), removed=True)


def _unmerged(folder: Path) -> list[AgentId]:
    """The agents of a session whose files are nowhere but with them. What cannot be read is not counted."""
    lineage = Lineage(folder / "agents")
    found: list[AgentId] = []
    for name in agent_names(folder):
        with suppress(ForkError):
            history = lineage.history(name)
            above = history.agent.above if history.agent else None
            if above is not None and _holds_work(history, lineage.history(above)):
                found.append(name)
    return found


def _holds_work(history: History, above: History) -> bool:
    """Whether a child has changed files of its own, and nothing says that they came into its parent's."""
    about = history.agent
    if about is None or not about.task or about.access == "read" or about.kind == "abandoned":
        return False
    order, report = above.forks.get(about.agent), above.reports.get(about.agent)
    merge = above.merges.get(about.agent)
    if order is None or (merge is not None and merge.outcome in {"merged", "nothing"}):
        return False
    if report is None:
        return history.own_steps > 0
    return report.tree not in {"", above.trees.get(order.from_seq)}


def _only_copy(folder: Path, work: list[AgentId]) -> ForkError:
    return ForkError(
        f"session {folder.name} holds the only copy of what {_listed(work)} did",
        f"`fork show {work[0]} --diff --session {folder.name}` shows it, `/merge {work[0]}` in `fork -r {folder.name}`"
        " brings it in",
        f"to give it up: rm -r {shlex.quote(str(folder))}",
    )


def _listed(names: list[AgentId]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _leftover(summary: SessionSummary) -> Leftover:
    return Leftover(summary.id, summary.title, iso(summary.updated), _size(summary.folder))


def _size(folder: Path) -> int:
    """Bytes of the files beneath a folder, links not followed."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it was removed meanwhile
                total += (Path(where) / name).lstat().st_size
    return total


def _cut_short(scratch: Scratch) -> list[Path]:
    """What an earlier removal left behind; nothing that lies behind a link."""
    sessions = scratch.folder / "sessions"
    if scratch.folder.is_symlink() or sessions.is_symlink():
        return []
    return sorted(path for path in sessions.glob(GONE + "*") if is_real_dir(path))


def _delete(folder: Path) -> None:
    try:
        clear(folder)  # also what a fork made of modes and depths in files of its own
    except OSError as error:
        raise _cannot(folder, error) from error


def _cannot(path: Path, error: OSError) -> ForkError:
    return ForkError(f"cannot remove {path} ({(error.strerror or str(error)).lower()})", kind=Kind.STORAGE)

"""Finds the session and the agent that a verb is about, and reads its history. It only reads.

Damage does not stop it: what can be read is folded, and what cannot is told beside it.
"""

from dataclasses import dataclass
from pathlib import Path

from forkcli.core.history import History
from forkcli.core.ids import MAIN, AgentId, SessionId
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import HISTORY, folded
from forkcli.store.lineage import Lineage
from forkcli.store.lock import is_locked
from forkcli.store.reading import Damage, read_history
from forkcli.store.scratch import Scratch


@dataclass(frozen=True, slots=True)
class Found:
    """An agent's history as it lies on the disk; `held` says that a process works in its session."""

    session: SessionId
    folder: Path
    history: History
    damage: tuple[Damage, ...]
    held: bool
    above: History | None = None  # of the agent that it reports to, where that can be read


def find_session(project: Path, text: str | None) -> SessionId:
    """The named session, else the newest one. Raises ForkError for none, an unknown one, or more than one."""
    scratch = Scratch(project)
    return scratch.newest() if text is None else scratch.find(text)


def find_agent(project: Path, session: SessionId, agent: str | None) -> Path:
    """The folder of an agent, by default of the root agent. Raises ForkError naming those that there are."""
    scratch = Scratch(project)
    known = scratch.agents(session)
    if (agent or MAIN) not in known:
        raise ForkError(
            f"session {session} has no agent {agent or MAIN!r}",
            f"its agents: {', '.join(known) or 'none'}",
            kind=Kind.USAGE,
        )
    return scratch.agent_folder(session, AgentId(agent or MAIN))


def read_found(project: Path, session: str | None, agent: str | None) -> Found:
    """Read an agent. Raises ForkError where nothing can be read."""
    found = find_session(project, session)
    folder = find_agent(project, found, agent)
    read = read_history(folder / HISTORY)
    held = is_locked(Scratch(project).session_folder(found)) is not None
    history = folded(folder, read)
    return Found(found, folder, history, tuple(read.damage), held, _above(folder, history))


def _above(folder: Path, history: History) -> History | None:
    above = history.agent.above if history.agent else None
    try:
        return Lineage(folder.parent).history(above) if above is not None else None
    except ForkError:  # what is asked about is another agent
        return None

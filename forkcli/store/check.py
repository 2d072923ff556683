"""Proves a session's files: every line of every history, and that the contexts are what the histories come to.

It only reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forkcli.core.entries import Rewind
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq
from forkcli.errors import ForkError
from forkcli.store.agent_files import CONTEXT, HISTORY, TRANSCRIPT, transcript_parts
from forkcli.store.context_file import Match, compare, context_lines
from forkcli.store.lineage import Lineage
from forkcli.store.reading import read_history
from forkcli.store.scratch import agent_names


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: an error is damage or a difference, a note is what the next resume puts right."""

    agent: AgentId
    severity: Literal["error", "note"]
    sentence: str


def check_session(folder: Path) -> list[Finding]:
    """What is wrong with the files of a session's folder; nothing found means that they are whole.

    Raises ForkError if there is no such folder.
    """
    if not folder.is_dir():
        raise ForkError(f"there is no session in `{folder}`", "`fork ls` lists the sessions of this project")
    lineage = Lineage(folder / "agents")
    return [finding for name in agent_names(folder) for finding in check_agent(folder / "agents" / name, lineage)]


def check_agent(folder: Path, lineage: Lineage | None = None) -> list[Finding]:
    """What is wrong with one agent's files. `lineage` has the histories of its session, where many are looked at."""
    agent = AgentId(folder.name)
    try:
        read = read_history(folder / HISTORY)
        history = (lineage or Lineage(folder.parent)).history(agent, read)
    except ForkError as error:
        return [Finding(agent, "error", error.sentence)]
    found = [Finding(agent, "error", f"{HISTORY}, line {d.line_no}: {d.reason}") for d in read.damage]
    if read.torn_tail:
        found.append(Finding(agent, "note", f"{HISTORY} ends in a piece of a line, which is closed when it goes on"))
    if history.agent is None:
        found.append(Finding(agent, "error", f"{HISTORY} does not say what the agent is"))
        return found
    context = _context(folder / CONTEXT, history)
    transcript = compare(folder / TRANSCRIPT, transcript_parts(read.entries))
    found.extend(_derived(agent, CONTEXT, context, "error"))
    found.extend(_derived(agent, TRANSCRIPT, transcript, "note"))
    return found


def _context(path: Path, history: History) -> Match:
    """How the context file stands to the history; a process that ended right after a rewind has left the one before."""
    found = compare(path, context_lines(history))
    last = history.entries[-1] if history.entries else None
    if found is Match.DIFFERS and last is not None and isinstance(last.body, Rewind):
        before = compare(path, context_lines(history.forked(Seq(last.seq - 1))))
        return Match.LAGS if before in {Match.SAME, Match.LAGS} else found
    return found


def _derived(agent: AgentId, name: str, match: Match, severity: Literal["error", "note"]) -> list[Finding]:
    if match is Match.SAME:
        return []
    if match is Match.DIFFERS:
        return [Finding(agent, severity, f"{name} is not what the history says")]
    what = "ends before the history does" if match is Match.LAGS else "is not there"
    return [Finding(agent, "note", f"{name} {what}; it is brought up to date when the agent goes on")]

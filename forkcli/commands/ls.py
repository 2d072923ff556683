"""`fork ls`: the sessions of a project, newest first."""

from datetime import datetime
from pathlib import Path

from forkcli.core.entries import Paid
from forkcli.core.ids import SessionId
from forkcli.core.views import SessionRow, State, cost_of, state_of
from forkcli.errors import ForkError
from forkcli.store.lineage import Lineage
from forkcli.store.lock import is_locked
from forkcli.store.scratch import Scratch, SessionSummary


def list_sessions(project: Path, limit: int | None = None) -> list[SessionRow]:
    """The newest `limit` sessions (all without one). Empty where fork never ran."""
    scratch = Scratch(project)
    return [_row(scratch, summary) for summary in scratch.sessions()[:limit]]


def _row(scratch: Scratch, summary: SessionSummary) -> SessionRow:
    state, cost = _read(scratch, summary.id)
    created, updated = iso(summary.created), iso(summary.updated)
    return SessionRow(summary.id, summary.title, created, updated, state, summary.agents, cost)


def _read(scratch: Scratch, session: SessionId) -> tuple[State, float | None]:
    """The root agent's state and what all agents cost. One damaged agent does not hide the session."""
    held = is_locked(scratch.session_folder(session)) is not None
    state: State = "damaged"
    paid: list[Paid] = []
    lineage = Lineage(scratch.session_folder(session) / "agents")
    for agent in scratch.agents(session):
        try:
            history = lineage.history(agent)
        except ForkError:
            continue
        paid += history.own_paid()
        if agent == "main" and history.agent is not None:
            state = state_of(history, held=held)
    return state, cost_of(paid)


def iso(when: datetime) -> str:
    """A UTC time as the JSON says it."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"

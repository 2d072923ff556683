"""The agents of the open session as they stand right now, for the live board: cheap enough to be asked for always.

Those that are open in this process are read where they live; the others are folded from their files once, and again
when a file has grown. Invariant: it changes nothing, and a row is reckoned anew only when its agent has moved.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from forkcli.app.session import Session
from forkcli.core.budget import share
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.messages import calls_of, text_of
from forkcli.core.views import agent_row
from forkcli.engine.agent import Agent
from forkcli.errors import ForkError
from forkcli.store.agent_files import HISTORY
from forkcli.store.lineage import Lineage
from forkcli.ui.fleetview import Board, BoardRow, BoardView

LAST_CHARS = 200


@dataclass(slots=True)
class LiveBoard:
    """The board of one session; `window` is that of the model in force, in tokens, 0 where it is not known."""

    session: Session
    window: int
    _rows: dict[AgentId, tuple[object, BoardRow]] = field(default_factory=dict)
    _folded: dict[AgentId, tuple[int, History]] = field(default_factory=dict)

    def shown(self) -> Board:
        """For the screen."""
        return Board(self.view)

    def view(self) -> BoardView:
        """All agents, parents before their children; those first that are older."""
        live, histories = self._live(), self.histories()
        depths = dict(_nested(histories))
        rows = [self._row(name, depth, histories, live) for name, depth in depths.items()]
        return BoardView((*rows, *self._waiting(depths)))

    def histories(self) -> dict[AgentId, History]:
        """The histories of all agents that can be read."""
        live = self._live()
        known = dict.fromkeys([*self.session.around.scratch.agents(self.session.id), *live])
        return {name: found for name in known if (found := self._history(name, live)) is not None}

    def _live(self) -> dict[AgentId, Agent]:
        """The agents that are open in this process."""
        session = self.session
        members = {name: one.agent for name, one in session.fleet.members.items() if one.agent is not None}
        opened = {name: agent for name, (agent, _) in session.opened.items()}
        return {**opened, **members, session.agent.id: session.agent}

    def _history(self, name: AgentId, live: Mapping[AgentId, Agent]) -> History | None:
        """An agent's history; None for one whose file cannot be read, which `fork check` tells of."""
        if name in live:
            return live[name].history
        agents = self.session.around.scratch.agent_folder(self.session.id, name).parent
        try:
            size = (agents / name / HISTORY).stat().st_size
            if self._folded.get(name, (-1, None))[0] != size:
                self._folded[name] = (size, Lineage(agents).history(name))
        except (OSError, ForkError):
            return None
        return self._folded[name][1]

    def _row(
        self, name: AgentId, depth: int, histories: Mapping[AgentId, History], live: Mapping[AgentId, Agent]
    ) -> BoardRow:
        history = histories[name]
        about = history.agent
        above = histories.get((about.above if about else None) or AgentId(""))
        working = name in self.session.fleet.members or (name in live and live[name].task is not None)
        waits = working and self.session.fleet.places.waits(name)
        moved = (len(history.entries), name in above.reports if above else False, working, waits, self.window)
        if self._rows.get(name, (None, None))[0] != moved:
            row = self._reckoned(name, history, above)
            if working:
                row = replace(row, state="waiting" if waits else "running")
            elif row.state == "done" and name in live and (above is None or name not in above.reports):
                row = replace(row, state="idle")  # the person is with it, or was
            self._rows[name] = (moved, row)
        return replace(self._rows[name][1], depth=depth, here=name == self.session.agent.id)

    def _reckoned(self, name: AgentId, history: History, above: History | None) -> BoardRow:
        row = agent_row(history, held=False, above=above)
        report = above.reports.get(name) if above is not None else None
        return BoardRow(
            agent=name,
            state=row.state if history.agent else "damaged",
            task=row.task,
            kind=row.kind,
            steps=row.steps,
            max_steps=history.agent.max_steps if history.agent else None,
            cost_usd=row.cost_usd,
            cached=row.first_cache_share,
            context_share=share(history.context_tokens(), self.window) if self.window else None,
            last=_first_line(report.text) if report is not None and row.state != "idle" else _last(history),
        )

    def _waiting(self, depths: Mapping[AgentId, int]) -> Iterator[BoardRow]:
        """Children that are ordered and wait for a place, or are being made."""
        for name, member in self.session.fleet.members.items():
            if name not in depths:
                depth = depths.get(member.parent.id, 0) + 1
                yield BoardRow(name, "waiting", member.child.task, depth=depth, max_steps=member.child.max_steps)


def _nested(
    histories: Mapping[AgentId, History], above: AgentId | None = None, depth: int = 0
) -> Iterator[tuple[AgentId, int]]:
    """Each agent with how deep it stands, and after it those that began with it."""
    for name, history in histories.items():
        parent = history.agent.parent if history.agent else None
        if (parent if parent in histories else None) == above:
            yield name, depth
            yield from _nested(histories, name, depth + 1)


def _last(history: History) -> str:
    """What the agent did last: its calls, or what it said."""
    answers = history.own_answers()
    if not answers:
        return ""
    calls = calls_of(answers[-1].content)
    return ", ".join(_named(call) for call in calls)[:LAST_CHARS] or _first_line(text_of(answers[-1].content))


def _named(call: Mapping[str, object]) -> str:
    given = call.get("input")
    words = given if isinstance(given, dict) else {}
    return f"{call.get('name', '?')} {words.get('path') or words.get('command') or ''}".strip()


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:LAST_CHARS]

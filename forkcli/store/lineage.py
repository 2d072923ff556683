"""The histories of a session's agents, read only: each is folded once, and so is each past that forks share."""

from pathlib import Path

from forkcli.core.entries import Agent
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq, is_agent_id
from forkcli.errors import ForkError
from forkcli.store.reading import HistoryRead, read_history

HISTORY = "history.jsonl"
DEEPEST = 200  # agents that can go before one: more are none of fork's making, and each takes room on the stack


class Lineage:
    """What the histories under the folder `agents` come to."""

    def __init__(self, agents: Path) -> None:
        self._agents = agents
        self._histories: dict[AgentId, History] = {}
        self._pasts: dict[tuple[AgentId, Seq], History] = {}
        self._depth = 0  # of agents being folded above each other
        self._open: set[AgentId] = set()  # being folded, or folded: a parent that comes up again would have no end

    def history(self, agent: AgentId, read: HistoryRead | None = None) -> History:
        """An agent's history; `read` is what its file holds, where that is at hand. Raises ForkError."""
        if agent not in self._histories:
            if agent in self._open or not is_agent_id(agent) or self._depth > DEEPEST:
                raise ForkError(f"the histories in `{self._agents}` name {agent!r} as a parent, which cannot be")
            self._open.add(agent)
            self._depth += 1
            try:
                read = read or read_history(self._agents / agent / HISTORY)
                history = self._begun(agent, read)
            finally:
                self._depth -= 1
            for entry in read.entries:
                history.add(entry)
            self._histories[agent] = history
        return self._histories[agent]

    def _begun(self, agent: AgentId, read: HistoryRead) -> History:
        """What goes before an agent's own entries."""
        first = next((entry.body for entry in read.entries if isinstance(entry.body, Agent)), None)
        check_name(self._agents / agent, first)
        if first is None or first.parent is None or first.from_seq is None:
            return History()
        key = (first.parent, first.from_seq)
        if key not in self._pasts:
            self._pasts[key] = self.history(first.parent).forked(first.from_seq)
        return self._pasts[key].branch()


def check_name(folder: Path, first: Agent | None) -> None:
    """Raises ForkError for a history whose first line says that it is another agent's than the folder's."""
    if first is not None and first.agent != folder.name:
        raise ForkError(f"the history in `{folder}` is that of {first.agent}, and was put there by somebody else")

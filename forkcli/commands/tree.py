"""`fork tree`: the agents of a session, parents before their children."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from forkcli.commands.found import find_session
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.views import TreeView, agent_row
from forkcli.store.lineage import Lineage
from forkcli.store.lock import is_locked
from forkcli.store.scratch import Scratch


def session_tree(project: Path, session: str | None) -> TreeView:
    """The tree of the named session, else of the newest one. Raises ForkError where a history cannot be read."""
    scratch = Scratch(project)
    found = find_session(project, session)
    held = is_locked(scratch.session_folder(found)) is not None
    lineage = Lineage(scratch.session_folder(found) / "agents")
    by_name = {agent: lineage.history(agent) for agent in scratch.agents(found)}
    rows = (agent_row(by_name[one], held=held, above=by_name.get(_above(by_name[one]))) for one in _nested(by_name))
    return TreeView(found, tuple(rows))


def _above(history: History) -> AgentId:
    return (history.agent.above if history.agent else None) or AgentId("")


def _parent(history: History) -> AgentId:
    return (history.agent.parent if history.agent else None) or AgentId("")


def _nested(histories: Mapping[AgentId, History], above: str = "") -> Iterator[AgentId]:
    """Each agent, and after it those that began with it."""
    for agent, history in histories.items():
        if _parent(history) == above:
            yield agent
            yield from _nested(histories, agent)

"""`fork tree`: the agents of a session, parents before their children."""

from pathlib import Path

from forkcli.commands.found import find_session
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.views import TreeView, agent_row
from forkcli.store.agent_files import HISTORY, folded
from forkcli.store.lock import is_locked
from forkcli.store.reading import read_history
from forkcli.store.scratch import Scratch


def session_tree(project: Path, session: str | None) -> TreeView:
    """The tree of the named session, else of the newest one. Raises ForkError where a history cannot be read."""
    scratch = Scratch(project)
    found = find_session(project, session)
    held = is_locked(scratch.session_folder(found)) is not None
    folders = [scratch.agent_folder(found, agent) for agent in scratch.agents(found)]
    histories = [folded(folder, read_history(folder / HISTORY)) for folder in folders]
    by_name = {history.agent.agent: history for history in histories if history.agent is not None}
    rows = (agent_row(one, held=held, above=by_name.get(_parent(one))) for one in histories)
    return TreeView(found, tuple(rows))


def _parent(history: History) -> AgentId:
    return (history.agent.parent if history.agent else None) or AgentId("")

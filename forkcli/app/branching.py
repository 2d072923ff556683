"""Forks of a conversation that a person goes on with: from the agent in focus, or from a session that is not ours.

What is forked from is only read. The new agent's own line 1 says where it comes from; nothing else does.
"""

from forkcli.app.crew import Surroundings
from forkcli.core.entries import Checkpoint, Child, Fork, Notice
from forkcli.core.forking import opening
from forkcli.core.history import History
from forkcli.core.ids import MAIN, AgentId, Seq, SessionId
from forkcli.engine.agent import Agent
from forkcli.errors import ForkError, Kind
from forkcli.prompts import filled
from forkcli.store.agent_files import create_agent


def beginning(history: History, at: Seq | None) -> Seq:
    """The entry that a fork begins at: checkpoint `at`, else the newest. Raises ForkError for what is no checkpoint."""
    if at is None:
        return history.entries[-1].seq
    numbers = [entry.seq for entry in history.entries if isinstance(entry.body, Checkpoint)]
    if at not in numbers:
        name = history.agent.agent if history.agent else MAIN
        near = ", ".join(str(number) for number in numbers[-10:]) or "none"
        raise ForkError(f"{name} has no checkpoint {at}", f"its newest checkpoints: {near}", kind=Kind.USAGE)
    return at


def begin_fork(around: Surroundings, session: SessionId, above: History, begin: Seq, name: AgentId) -> Agent:
    """Make the agent `name`, a fork of the one with the history `above` at entry `begin`; nothing runs yet."""
    parent = above.agent.agent if above.agent else MAIN
    fork = Fork((Child(name, "", above.access),), begin, wait=False, merge="none")
    past = above.forked(begin)
    folder = around.scratch.agent_folder(session, name)
    agent = Agent(name, create_agent(folder, first_seq=begin + 1), past.branch(), around.emit)
    opened = opening(above, past, fork, fork.children[0], "")
    where = str(folder.relative_to(around.settings.project))
    told = Notice(filled("fork_conversation", agent=name, parent=parent, folder=where))
    agent.record(opened.line_one, *opened.answers, told)
    return agent

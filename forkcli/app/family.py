"""The relatives within an open session: moving to another agent, forking the conversation by hand, stopping a child."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from forkcli.app.branching import begin_fork, beginning
from forkcli.app.crew import fork_rig
from forkcli.app.nursery import LAYERS
from forkcli.core.ids import AgentId, Seq, is_agent_id
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.ports import ForkOrder, Task, Workspace
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import HISTORY, folded, open_agent
from forkcli.store.reading import read_history
from forkcli.workspace.base import open_fork

if TYPE_CHECKING:
    from forkcli.app.session import Session


async def fork_task(session: "Session", task: str) -> AgentId:
    """Start a fork of the agent in focus that works on `task` in the background and reports to it; returns its id."""
    fleet = session.fleet
    await fleet.order(session.agent, session.rig, None, ForkOrder((Task(task),), wait=False))
    return next(reversed(session.agent.history.forks))


def fork_conversation(session: "Session", at: Seq | None = None) -> AgentId:
    """A new fork of the agent in focus, which is left as it is; the focus moves to the fork. Returns its id.

    It begins at checkpoint `at`, or at the newest entry; its own line 1 says so, nothing else does. Raises ForkError
    for a number that is no checkpoint.
    """
    history = session.agent.history
    begin = beginning(history, at)
    agent = begin_fork(session.around, session.id, history, begin, session.fleet.allot(history))
    session.focus(agent, fork_rig(session.around, agent, session.rig.workspace, session.rig))
    return agent.id


def go(session: "Session", name: str) -> None:
    """Move the focus to another agent of the session, whatever it does. Raises ForkError for an unknown one."""
    agent = AgentId(name)
    known = session.around.scratch.agents(session.id)
    if not is_agent_id(name) or agent not in known:
        raise unknown_agent(name, known)
    if agent == session.agent.id and not session.agent.ended:
        return
    if agent in session.answering.live:
        raise ForkError(f"{name} answers a question right now", "go there when it has answered")
    live = session.live(agent)
    if live is not None:
        session.focus(*live)
        return
    files, history, _ = open_agent(session.around.scratch.agent_folder(session.id, agent))
    opened = Agent(agent, files, history, session.agent.emit)
    try:
        workspace = files_of_agent(session, agent)
    except BaseException:
        files.close()
        raise
    rig = fork_rig(session.around, opened, workspace, session.rig)
    if (owner := _owner_now(session, agent)) is not None:
        session.guests[agent] = owner
    session.merging.mend(opened, rig)
    session.focus(opened, rig)


def unknown_agent(name: str, known: Sequence[str]) -> ForkError:
    """What is said of an agent that is not there."""
    return ForkError(f"there is no agent {name!r} in this session", f"its agents: {', '.join(known)}", kind=Kind.USAGE)


async def renew(session: "Session") -> None:
    """Open the agent in focus again where its task ended meanwhile, which let go of its files. Raises ForkError."""
    await session.settled(session.agent.id)
    if session.agent.ended:
        go(session, session.agent.id)


def files_of_agent(
    session: "Session", name: AgentId, opened: list[Workspace] | None = None, below: frozenset[AgentId] = frozenset()
) -> Workspace:
    """The files that an agent sees when it is gone on with: its own, as long as they are not merged; else its parent's.

    What it has to open is added to `opened`; `below` are those whose files are its, of which none can be above it. It
    blocks. Raises ForkError where they cannot be opened.
    """
    if name in below:
        raise ForkError(f"the history of {name} names an agent above it that is below it", "`fork check` says more")
    held = session.held(name)
    if held is not None:
        return held[1].workspace
    folder = session.around.scratch.agent_folder(session.id, name)
    about = folded(folder, read_history(folder / HISTORY)).agent
    if about is None or about.above is None:
        return session.around.workspace
    above = files_of_agent(session, about.above, opened, below | {name})
    if not (folder / LAYERS).is_dir() or _brought_back(session, name, about.above):
        return above
    found = open_fork(above, folder / LAYERS, access=about.access)
    if opened is not None:
        opened.append(found)
    return found


def _brought_back(session: "Session", name: AgentId, above: AgentId) -> bool:
    """Whether the one above has all that an agent did in its own copy of the files, which is not used any more."""
    parent = session.around.scratch.agent_folder(session.id, above)
    merge = folded(parent, read_history(parent / HISTORY)).merges.get(name)
    return merge is not None and merge.outcome in {"merged", "nothing"}


def _owner_now(session: "Session", name: AgentId) -> AgentId | None:
    """Whose files an agent sees that once had a copy of its own; None for one that has it still, or never had one."""
    folder = session.around.scratch.agent_folder(session.id, name)
    about = folded(folder, read_history(folder / HISTORY)).agent
    if about is None or about.above is None:
        return None
    if not (folder / LAYERS).is_dir() or not _brought_back(session, name, about.above):
        return None
    return _owner_now(session, about.above) or about.above


def stop_agent(session: "Session", name: str) -> bool:
    """Stop an agent that runs or waits for its place, as the user; what it has is its report.

    False if it does neither. Raises ForkError for an unknown one.
    """
    agent = AgentId(name)
    member = session.fleet.members.get(agent)
    if member is not None and member.agent is None:
        return session.fleet.stop(agent, Stop("user"))
    if agent not in (known := session.post.known()):
        raise unknown_agent(name, known)
    live = session.live(agent)
    if live is None or live[0].task is None:
        return False
    live[0].halt(Stop("user"))
    return True

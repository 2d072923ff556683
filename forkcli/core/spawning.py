"""How spawned agents begin: from the histories of those that spawn them.

A spawned agent shares its parent's system prompt and tools, byte for byte, and nothing of its past. It is told its
brief first and may ask. What follows is its task, or, where it was onboarded for several, a fork of it for each.
"""

from dataclasses import replace

from forkcli.core.entries import Access, Agent, Child, Fork, Spawn
from forkcli.core.forking import Opened, narrower, opening
from forkcli.core.history import History
from forkcli.core.ids import AgentId


def spawned(parent: History, spawn: Spawn, agent: AgentId) -> Agent:
    """Line 1 of an agent that `spawn` makes of nothing: of a child, or of the one that is onboarded for all."""
    above, root = parent.agent, parent.root
    if above is None or root is None:
        raise ValueError("a history without its line 1 cannot spawn")
    child = next((child for child in spawn.children if child.agent == agent), None)
    return replace(
        root,
        agent=agent,
        kind="spawn",
        model=spawn.model or parent.model,
        effort=parent.effort,
        access=narrower(child.access, parent.access) if child else "read",
        net=parent.net,
        parent=above.agent,
        from_seq=None,
        call=spawn.call,
        task=child.task if child else title_of(spawn),
        depth=above.depth + 1,
        max_steps=child.max_steps if child else None,
        interview=spawn.interview,
        reports_to=None,
    )


def title_of(spawn: Spawn) -> str:
    """What an agent that is onboarded for several tasks is listed with."""
    count = len(spawn.children)
    return f"onboarded for {count} task{'' if count == 1 else 's'}: {', '.join(one.agent for one in spawn.children)}"


def worker(spawner: History, onboarded: History, spawn: Spawn, child: Child, told: str) -> Opened:
    """How a worker begins: as a fork of the onboarded agent at its end, with what the spawning one may touch.

    The onboarded agent could only read, which says nothing about its workers.
    """
    above = spawner.agent
    if above is None:
        raise ValueError("a history without its line 1 cannot spawn")
    opened = opening(onboarded, onboarded, workers(onboarded, spawn), child, told)
    access: Access = narrower(child.access, spawner.access)
    return replace(opened, line_one=replace(opened.line_one, access=access, net=spawner.net, reports_to=above.agent))


def workers(onboarded: History, spawn: Spawn) -> Fork:
    """The order by which an onboarded agent that is ready becomes its workers. Their reports go to the spawning one."""
    above = onboarded.agent.parent if onboarded.agent else None
    return Fork(spawn.children, onboarded.entries[-1].seq, merge=spawn.merge, reports_to=above)


def workers_of(onboarded: History) -> Fork | None:
    """The fork by which an onboarded agent became its workers; None as long as it has not."""
    bodies = (entry.body for entry in onboarded.entries.own)
    return next((body for body in bodies if isinstance(body, Fork) and body.reports_to is not None), None)

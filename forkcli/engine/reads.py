"""When what was last read from the endpoint's cache. Time comes in; only the sleeping is real.

Invariant: a time that is told is one at which a request left that held the whole prefix.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from forkcli.core.entries import Agent, Checkpoint
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq

MOST = 6  # requests to keep a prefix for one wait: half an hour, and about half of what writing it again costs


@dataclass(slots=True)
class Reads:
    """When each agent's prefix was last read, in seconds of the rig's clock: one for all agents of a session."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    most: int = MOST
    own: dict[AgentId, float] = field(default_factory=dict)
    forks: dict[tuple[AgentId, Seq], float] = field(default_factory=dict)  # by forks of an agent at an entry
    kept: set[AgentId] = field(default_factory=set)  # agents whose prefix is being kept, since they have a turn
    known: dict[AgentId, Agent] = field(default_factory=dict)

    def sent(self, history: History, now: float) -> None:
        """A request of this agent leaves: it reads its own prefix, and all that it shares with those above it."""
        about = history.agent
        if about is not None:
            self.known[about.agent] = about
            self.own[about.agent] = now
        passed = set()  # a history may say anything, also that an agent is above itself
        while about is not None and about.parent is not None and about.from_seq is not None:
            if about.agent in passed:
                break
            passed.add(about.agent)
            self.forks[about.parent, about.from_seq] = now
            about = self.known.get(about.parent)

    def last(self, history: History) -> float | None:
        """When the newest request of this agent, or of a fork that holds all of it, left; None: not in this process."""
        about = history.agent
        if about is None:
            return None
        newest = (entry.seq for entry in reversed(history.entries.own) if isinstance(entry.body, Checkpoint))
        sealed = next(newest, Seq(0))
        theirs = [at for (name, seq), at in self.forks.items() if name == about.agent and seq >= sealed]
        own = self.own.get(about.agent)
        return max([*theirs, *([] if own is None else [own])], default=None)

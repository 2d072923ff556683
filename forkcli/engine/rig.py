"""What a turn works with, put together by `app.py` and handed down as one value."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from forkcli.core.budget import Limits
from forkcli.core.entries import Merge
from forkcli.core.ids import CallId
from forkcli.engine.agent import Agent, Approvals
from forkcli.engine.gate import Gate
from forkcli.engine.jobs import AgentJobs
from forkcli.engine.limiter import Limiter
from forkcli.engine.ports import Emit, ForkOrder, Model, RewindOrder, SpawnOrder, Tool, Workspace
from forkcli.engine.reads import Reads


@dataclass(slots=True)
class Spent:
    """What this run of fork has used, over all turns and agents; not what a resumed history had used before."""

    steps: int = 0
    cost_usd: float = 0.0
    unpriced: bool = False  # a call had no known price, and that was said


class FleetPort(Protocol):
    """What a turn asks of the fleet."""

    async def order(self, parent: Agent, rig: "Rig", call: CallId | None, wanted: ForkOrder) -> None:
        """Put a fork on record and start it. Raises ForkError beyond a bound."""
        ...

    async def spawn(self, parent: Agent, rig: "Rig", call: CallId | None, wanted: SpawnOrder) -> None:
        """Put a spawn on record and start it. Raises ForkError beyond a bound, or for a model that cannot be."""
        ...

    def revive(self, parent: Agent, rig: "Rig") -> None:
        """Take up again children in the background that have not reported."""
        ...

    def settle(self, parent: Agent) -> None:
        """Answer calls that made forks with what these have reported, since a prompt goes before waiting for them."""
        ...

    async def gather(self, parent: Agent, rig: "Rig", calls: Sequence[CallId]) -> None:
        """Wait for the children of these calls and answer the calls."""
        ...

    async def merge(self, parent: Agent, rig: "Rig", name: str) -> Merge:
        """Bring the files of a child that kept them into its parent's."""
        ...

    async def next_report(self, parent: Agent) -> bool:
        """Wait until a child that works in the background has reported; False if none runs."""
        ...


class RewinderPort(Protocol):
    """What a turn asks of who takes agents back to earlier checkpoints."""

    async def rewind(self, agent: Agent, rig: "Rig", call: CallId, wanted: RewindOrder) -> None:
        """Carry out the model's own rewind: the head is another one then. Raises ForkError, and it is not."""
        ...

    async def make_room(self, agent: Agent, rig: "Rig", *, cut: bool) -> None:
        """Shorten a context that does not fit, by a report of the agent's own or by a cut: records a rewind."""
        ...


class Check(Protocol):
    """What stands between a turn that is done and its end: `app` fills it."""

    async def __call__(self, agent: Agent, rig: "Rig") -> bool:
        """Carry out the check that is due and put its outcome on record; False if none is due.

        Cancelling it leaves the check to be done again.
        """
        ...


class Keeper(Protocol):
    """Notes what an agent's files are, while nothing is waited for; a failure is said, and stops nobody."""

    def sealed(self) -> None:
        """A checkpoint is on record: if the files may be others than when they were noted last, they are to be."""
        ...

    def coming(self, tool: str) -> None:
        """The model has begun to write a call of this tool."""
        ...

    async def before_write(self) -> None:
        """Return when the files have been noted, since now they are changed."""
        ...

    def ended(self) -> None:
        """The turn is over."""
        ...


class PostPort(Protocol):
    """What a turn asks of who brings messages and questions to others."""

    async def send(self, sender: Agent, rig: "Rig", to: str, text: str) -> str:
        """Leave a message; returns when it will be read. Raises ForkError."""
        ...

    async def ask(self, sender: Agent, rig: "Rig", call: CallId, to: str, text: str) -> str:
        """The answer to a question; the sender holds no place while it waits. Raises ForkError."""
        ...


@dataclass(slots=True)
class Rig:
    """The ports and bounds of a run. `clock` counts seconds and only ever grows."""

    model: Model
    tools: Mapping[str, Tool]
    workspace: Workspace
    jobs: AgentJobs
    approvals: Approvals
    emit: Emit
    cwd: str  # where an agent's shell stands at first, absolute
    limits: Limits = field(default_factory=Limits)
    limiter: Limiter = field(default_factory=Limiter)  # one for all agents of the process
    spent: Spent = field(default_factory=Spent)
    reads: Reads = field(default_factory=Reads)  # one for all agents of the session
    clock: Callable[[], float] = time.monotonic
    gate: Gate | None = None  # of a fork: what its first request waits for
    check: "Check | None" = None  # the outside check of a turn that is done, where there is one
    keeper: Keeper | None = None  # None where files are not kept in snapshots
    fleet: "FleetPort | None" = None  # the children of all agents; None where none can be started
    rewinder: "RewinderPort | None" = None  # None where nothing can be rewound
    post: "PostPort | None" = None  # None where nobody can be written to

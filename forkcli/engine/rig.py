"""What a turn works with, put together by `app.py` and handed down as one value."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from forkcli.core.budget import Limits
from forkcli.engine.agent import Approvals
from forkcli.engine.jobs import AgentJobs
from forkcli.engine.patience import Patience
from forkcli.engine.ports import Emit, Model, Tool, Workspace


@dataclass(slots=True)
class Spent:
    """What this run of fork has used, over all turns and agents; not what a resumed history had used before."""

    steps: int = 0
    cost_usd: float = 0.0
    unpriced: bool = False  # a call had no known price, and that was said


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
    patience: Patience = field(default_factory=Patience)
    spent: Spent = field(default_factory=Spent)
    clock: Callable[[], float] = time.monotonic

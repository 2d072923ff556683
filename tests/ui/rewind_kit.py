"""A rewinder that notes what it is asked, and rows and a plan to show."""

from dataclasses import dataclass, field, replace

from forkcli.core import entries as e
from forkcli.core.file_plan import PathChange
from forkcli.core.ids import AgentId, Seq
from forkcli.errors import ForkError
from forkcli.ui.fleetview import BoardRow, BoardView
from forkcli.ui.rewindable import (
    Rewindables,
    RewindOrder,
    RewindPlan,
    RewindRow,
    Rewound,
    RunningChild,
    StepRow,
)

ROWS = (
    RewindRow(
        Seq(1), Seq(3), "2026-11-22T09:25:00Z", "find the bug in the cart and mend it",
        steps=(
            StepRow(Seq(3), "the prompt", 0.02, "2026-11-22T09:25:07Z"),
            StepRow(Seq(8), "read src/cart.py, tests/test_cart.py", 0.06, "2026-11-22T09:26:07Z"),
            StepRow(Seq(13), "edit src/cart.py, bash python -m pytest -q", 0.11, "2026-11-22T09:27:07Z"),
        ),
    ),
    RewindRow(
        Seq(16), Seq(18), "2026-11-22T09:41:00Z", "now the price too",
        steps=(StepRow(Seq(18), "the prompt", 0.12),),
    ),
    RewindRow(Seq(25), Seq(25), "2026-11-22T09:50:00Z", "I rewrote the price in one go.", undo=True),
    RewindRow(Seq(26), Seq(28), "2026-11-22T09:51:00Z", "make the button blue\nand round", files=()),
)  # fmt: skip
PLAN = RewindPlan(
    Seq(16), "before “now the price too”", 4,
    (
        PathChange("src/cart.py", "modified", 3, 1),
        PathChange("src/new_price.py", "added", 40),
        PathChange("docs/old.md", "deleted", None, 12),
        PathChange("src/price.py", "modified", 2, 2, yours=True),
    ),
    ("data/big.bin: larger than 64 MiB", "node_modules: ignored"),
    children=(RunningChild(AgentId("f2"), "look for other uses of Price"),),
)  # fmt: skip
BARE = RewindPlan(Seq(1), "before “find the bug”", 2)
ENTRIES = (
    e.Entry(Seq(2), "2026-11-22T09:25:00Z", e.Prompt("find the bug in the cart and mend it", ())),
    e.Entry(
        Seq(14), "2026-11-22T09:26:00Z",
        e.Assistant(({"type": "text", "text": "The quantity it was. 14 tests pass."},), "end_turn", e.Usage(), "m"),
    ),
)  # fmt: skip
VIEW = BoardView((
    BoardRow("main", "running", "mend the cart, its price and all that hangs on it", "main", 0, 12, None, 0.42, 0.97,
             0.41, "fork into 3", here=True),
    BoardRow("f1", "running", "look for other uses of Price", "fork", 1, 4, 20, 0.031, 0.992, 0.22),
    BoardRow("f2", "done", "add the tests", "fork", 1, 9, None, 0.08, 0.31, 0.25, "All 9 tests pass."),
    BoardRow("f4", "failed", "try the other parser", "fork", 2, 2, None, 0.004, 0.98, 0.2, "the API is overloaded"),
    BoardRow("f3", "idle", "what was left at 12", "abandoned", 1, 31, None, 1.2, None, 0.83),
))  # fmt: skip
DONE = Rewound("Back before “now the price too”. Files: 4 restored.", Seq(57), ENTRIES, "main", "now the price too")


@dataclass
class FakeRewinder:
    """Fills `Rewinder`."""

    planned: RewindPlan = PLAN
    changed: tuple[str, ...] = ("src/cart.py", "src/price.py", "a.py", "b.py")
    done: Rewound = DONE
    refuse: ForkError | None = None
    asked: list[object] = field(default_factory=list)

    async def files(self, to: Seq) -> tuple[str, ...]:
        self.asked.append(("files", to))
        if self.refuse is not None:
            raise self.refuse
        return self.changed

    async def plan(self, to: Seq) -> RewindPlan:
        self.asked.append(("plan", to))
        return replace(self.planned, to=to)

    async def rewind(self, order: RewindOrder | None) -> Rewound:
        self.asked.append(order)
        return self.done


def rewindables(rewinder: FakeRewinder, to: int | None = None) -> Rewindables:
    """What `/rewind` returns."""
    return Rewindables(rewinder, ROWS, None if to is None else Seq(to))

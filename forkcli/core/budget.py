"""How full the context is, what the agent is told of it, and when a run has used up its limits."""

from dataclasses import dataclass

from forkcli.core.answering import only_answers
from forkcli.core.history import History
from forkcli.core.ids import Seq
from forkcli.core.interview import newest_source

OUTPUT_RESERVE = 32_000  # tokens of the window that are kept free for the next answer
NOTICE_FROM = 0.7  # share of the window from which the agent is told, once for each further STEP
NOTICE_STEP = 0.1

_FULL_ADVICE = (
    "Nothing makes room by itself until it is full; then you are taken back to the beginning with whatever report you "
    "can still write. Better choose now: `rewind` with a report to a checkpoint before the bulk of it (the first makes "
    "the most room), `fork` short tasks off (each fork begins as full as you are), or finish. Read only what you still "
    "need, a part at a time."
)


def share(tokens: int, window: int, reserve: int = OUTPUT_RESERVE) -> float:
    """Share of the usable window that `tokens` fill, 0 to about 1; the output's reserve counts as used up."""
    usable = max(window - min(reserve, window // 4), 1)
    return tokens / usable


def marker(seq: Seq, tokens: int, window: int) -> str:
    """The text that ends a user-role message: the checkpoint's number and how full the context is."""
    return f'<checkpoint n="{seq}" context="{round(100 * share(tokens, window))}%"/>'


def fullness_notice(history: History, tokens: int, window: int) -> str | None:
    """What the agent is told when the context has crossed a threshold since its last checkpoint, else None.

    Nor is one told that only answers, or writes a report because its context is left anyhow: neither can make room.
    """
    now = _level(share(tokens, window))
    last = history.head.sealed
    before = _level(share(last.context_tokens, last.window)) if last else 0
    if now <= before or only_answers(history) or newest_source(history) == "report":
        return None
    return f"The context is {round(100 * share(tokens, window))}% full. {_FULL_ADVICE}"


def _level(filled: float) -> int:
    return 0 if filled < NOTICE_FROM else 1 + int((filled - NOTICE_FROM) / NOTICE_STEP + 1e-9)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run of fork; None is no bound."""

    max_steps: int | None = None
    max_cost_usd: float | None = None

    def exceeded(self, steps: int, cost_usd: float) -> str | None:
        """The sentence that names the bound which `steps` or `cost_usd` (of this run) have reached, else None."""
        if self.max_steps is not None and steps >= self.max_steps:
            return f"the limit of {self.max_steps} step{'' if self.max_steps == 1 else 's'} was reached (--max-steps)"
        if self.max_cost_usd is not None and cost_usd >= self.max_cost_usd:
            return f"the limit of ${self.max_cost_usd:.2f} was reached (--max-cost)"
        return None

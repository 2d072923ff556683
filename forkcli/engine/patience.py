"""How long fork goes on asking an API that does not answer: one back-off for all agents of the process."""

import random
from dataclasses import dataclass, field

from forkcli.engine.ports import ModelError, ModelFault

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0


@dataclass(slots=True)
class Patience:
    """Bounds on retrying, in seconds; None is for ever (the REPL, until Esc).

    `total_s` bounds the time since the first failure in a row, `unreachable_s` the same where no connection could
    be made at all. A server's `retry_after` is honoured, and gives up at once when it is beyond the bound.
    """

    total_s: float | None = 120.0
    unreachable_s: float | None = 20.0
    since: float | None = field(default=None)
    attempt: int = 0

    def succeeded(self) -> None:
        """An answer came: the next failure is the first one again."""
        self.since, self.attempt = None, 0

    def wait_s(self, error: ModelError, now: float) -> float | None:
        """Seconds to wait before the request is sent again; None: give up."""
        if not error.worth_retrying:
            return None
        if self.since is None:
            self.since = now
        self.attempt += 1
        backoff = min(FIRST_DELAY_S * 2 ** (self.attempt - 1), LONGEST_DELAY_S)
        delay = error.retry_after if error.retry_after is not None else backoff * random.uniform(0.75, 1.25)
        bound = self.unreachable_s if error.fault is ModelFault.UNREACHABLE else self.total_s
        if bound is not None and now + delay - self.since > bound:
            self.succeeded()  # the next turn begins with fresh patience
            return None
        return delay

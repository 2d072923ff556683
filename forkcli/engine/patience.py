"""How long fork goes on asking an API that does not answer. Pure: time comes in as seconds of a clock."""

import random
from dataclasses import dataclass

from forkcli.engine.ports import ModelError, ModelFault

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
MOST_OWN = 8  # failures of one request after which it does not help any more that others are answered

_NO_ROOM = frozenset({429, 503, 529})


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds on retrying, in seconds; None is for ever (the REPL, until Esc).

    `total_s` bounds the time since the first failure in a row, `unreachable_s` the same where no connection could
    be made at all.
    """

    total_s: float | None = 120.0
    unreachable_s: float | None = 20.0

    def ended(self, error: ModelError, waited_s: float) -> bool:
        """Whether it is over after so many seconds."""
        bound = self.unreachable_s if error.fault is ModelFault.UNREACHABLE else self.total_s
        return bound is not None and waited_s > bound


@dataclass(eq=False, slots=True)
class Tries:
    """The failures in a row of one request."""

    count: int = 0
    since: float | None = None  # its first failure
    helped: float | None = None  # when another request was answered since: the API is there

    def failed(self, now: float) -> None:
        """One more failure."""
        self.count += 1
        self.since = now if self.since is None else self.since

    def hopeless(self, patience: Patience, error: ModelError, until: float) -> bool:
        """Whether waiting `until` would be more than is borne. As long as others are answered, it is borne longer."""
        since = until if self.since is None else self.since
        lately = since if self.helped is None else max(since, self.helped)
        return patience.ended(error, until - lately) or (
            self.count >= MOST_OWN and patience.ended(error, until - since)
        )


def concerns_all(error: ModelError) -> bool:
    """Whether a failure says something about all requests to this endpoint, not only about this one."""
    return error.worth_retrying and (
        error.fault is ModelFault.UNREACHABLE or error.status in _NO_ROOM or error.retry_after is not None
    )


def delay_s(error: ModelError, failures: int) -> float:
    """Seconds to wait after so many failures in a row: what the server asks for, else longer each time."""
    if error.retry_after is not None:
        return max(error.retry_after, 0.0)
    backoff: float = min(FIRST_DELAY_S * 2 ** min(max(failures, 1) - 1, 10), LONGEST_DELAY_S)
    return backoff * random.uniform(0.75, 1.25)

"""What can go wrong with one reply, on purpose.

A fault strikes once (`times`) and is then used up. One that breaks the answer leaves the reply it is attached to for
the next request, unless `consumes`; one that only bends it (`slow`, `stall`, `drop_usage`) delivers that reply.
"""

from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "status",  # an error answer: `status`, `message`, `retry_after`
    "cut",  # the connection is closed in the middle of the stream
    "eof",  # the stream ends cleanly, but without message_stop
    "rst",  # the connection is reset
    "stall",  # nothing is sent for `seconds`, then it goes on
    "error_event",  # an `error` event inside an answer of status 200
    "garbage",  # an event whose data is not JSON, then the end
    "slow",  # every event waits `seconds`
    "drop_usage",  # no usage in any event, as some other servers do
    "reject_field",  # 400 naming the top-level `field`, for as long as requests have it
    "refuse",  # this connection is reset, and for `seconds` none can be made
]
KINDS: tuple[str, ...] = get_args(FaultKind)
BENDING = frozenset({"slow", "stall", "drop_usage"})

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    400: "the script refuses this request",
    401: "invalid x-api-key",
    402: "Your credit balance is too low",
    404: "not found",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your rate limit",
    500: "Internal server error",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `after_events` counts stream events sent before it strikes (message_start and ping included)."""

    kind: FaultKind
    after_events: int = 3
    status: int = 529
    message: str = ""
    error_type: str = ""  # empty: what goes with the status
    retry_after: float | None = None  # seconds; sent as the header `retry-after`
    seconds: float = 0.5
    field: str = ""
    times: int = 1
    consumes: bool = False

    def __post_init__(self) -> None:
        if self.kind == "reject_field" and not self.field:
            raise ValueError("a fault reject_field needs the name of a field")
        if self.times < 1 or self.seconds < 0 or self.after_events < 0:
            raise ValueError("a fault needs times of at least 1, and seconds and after_events of at least 0")

    @property
    def bends(self) -> bool:
        """Whether the reply still arrives whole."""
        return self.kind in BENDING

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, error type and message of the error answer or of the error event."""
        if self.kind == "reject_field":
            return 400, "invalid_request_error", self.message or f"{self.field}: Extra inputs are not permitted"
        kind = self.error_type or ERROR_TYPES.get(self.status, "api_error")
        return self.status, kind, self.message or _MESSAGES.get(self.status, f"the script answers {self.status}")

"""The model at the engine's rim: what it is asked, what it answers, how it fails. `ports.py` hands all of it out."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from forkcli.core.context import Context
from forkcli.core.entries import Usage
from forkcli.core.messages import Json


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model: the context, and what is not part of the context."""

    context: Context
    model: str
    effort: str | None
    max_tokens: int
    pins: tuple[tuple[int, int], ...] = ()  # (message, block) that get a cache mark besides the two tails


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Sizes of a model, in tokens; `known` is false when they are a guess."""

    window: int
    max_output: int
    known: bool = True


class ModelFault(Enum):
    """Why a call gave no answer. The first three are worth sending again."""

    OVERLOADED = "overloaded"  # 429, 5xx, 529
    BROKEN = "broken"  # the stream broke, stalled, or ended before its message did
    UNREACHABLE = "unreachable"  # no connection could be made at all
    AUTH = "auth"  # no key, a key that is refused, no permission
    NO_MODEL = "no_model"  # the model's name does not exist there
    TOO_LONG = "too_long"  # the request is larger than the window or the endpoint takes
    REQUEST = "request"  # any other refusal of the request
    SPENT = "spent"  # a spending cap or an empty balance: waiting does not help


class ModelError(Exception):
    """A model call that gave no answer: one sentence; `retry_after` in seconds where the server named it."""

    def __init__(
        self, fault: ModelFault, sentence: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.fault = fault
        self.sentence = sentence
        self.status = status
        self.retry_after = retry_after

    @property
    def worth_retrying(self) -> bool:
        """Whether the same request may succeed later."""
        return self.fault in {ModelFault.OVERLOADED, ModelFault.BROKEN, ModelFault.UNREACHABLE}


class Model(Protocol):
    """An endpoint that speaks the Messages API."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Json, None]:
        """The API's stream events as JSON objects, `message_stop` last; raises ModelError, also for a cut stream.

        The first event may be `{"type": "request_id", "request_id": …}`. Closing the iterator closes the connection.
        """
        ...

    async def warm(self, request: ModelRequest) -> Usage:
        """Read the request's prefix from the cache without an answer (`max_tokens` is 0). Raises ModelError."""
        ...

    async def limits(self, model: str) -> ModelLimits:
        """The model's sizes: asked for once, from a built-in table where the endpoint does not say."""
        ...

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What a call cost, in US dollars; None where no price is known."""
        ...

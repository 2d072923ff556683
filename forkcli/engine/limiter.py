"""Lets the requests of all agents of a process leave at the pace that the endpoint can take, in the order they came.

`pace.py` decides how many, `patience.py` how long; here is the waiting. Invariant: a request that failed goes to the
end of the queue, so none is passed over for ever. Invariant: cancelling a wait ends it at once and costs nobody else
anything.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from forkcli.engine.pace import Pace
from forkcli.engine.patience import Patience, Tries, concerns_all, delay_s
from forkcli.engine.ports import ModelError

Held = Callable[[float, str], None]  # told the seconds of a pause, and why it is


class GivenUpError(Exception):
    """The API was asked for long enough, by others; `error` is what they got last."""

    def __init__(self, error: ModelError) -> None:
        super().__init__(error.sentence)
        self.error = error


@dataclass(frozen=True, slots=True)
class Slot:
    """A request that may leave."""

    limiter: "Limiter"
    tries: Tries
    number: int

    def accepted(self) -> None:
        """Its answer has begun."""
        self.limiter.accepted(self)

    def failed(self, error: ModelError) -> float | None:
        """It failed. Seconds to wait before it asks for a slot again; None: give up."""
        return self.limiter.failed(self, error)


@dataclass(eq=False, slots=True)
class _Waiter:
    turn: "asyncio.Future[int]"
    held: Held
    until: float = -math.inf  # the end of the pause that it was told of


@dataclass(slots=True)
class Limiter:
    """One for each process. `clock` counts seconds and only ever grows."""

    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    pace: Pace = field(default_factory=Pace)
    _queue: deque[_Waiter] = field(default_factory=deque)
    _failing: set[Tries] = field(default_factory=set)  # requests that failed and are not over
    _since: float | None = None  # since when everybody is refused
    _why: str = ""
    _timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self, tries: Tries, held: Held) -> AsyncIterator[Slot]:
        """Wait until one more request may leave; it is out as long as this lasts.

        `held` is called with the rest of a pause, and again with each later one. Raises GivenUpError when the endpoint
        was asked for long enough meanwhile.
        """
        number = await self._turn(held)
        try:
            yield Slot(self, tries, number)
        finally:
            self.pace.ended(number)
            self._let_out()

    def accepted(self, slot: Slot) -> None:
        """The answer to a request has begun: there is somebody who answers."""
        self._since = None
        self.pace.accepted(slot.number)
        now = self.clock()
        for tries in self._failing - {slot.tries}:
            tries.helped = now
        self._let_out()

    def failed(self, slot: Slot, error: ModelError) -> float | None:
        """A request failed. Seconds to wait before it asks for a slot again; None: give up.

        A failure that concerns all requests pauses all: its wait is a part of the next `slot`, so this says 0.
        """
        if not error.worth_retrying:
            return None
        now = self.clock()
        tries = slot.tries
        tries.failed(now)
        self._failing.add(tries)
        if not concerns_all(error):
            delay = delay_s(error, tries.count)
            return None if tries.hopeless(self.patience, error, now + delay) else delay
        pause = delay_s(error, self.pace.refusals + 1)
        if self.pace.refused(slot.number, now, pause, asked=error.retry_after is not None):
            self._why = error.sentence
        self._since = now if self._since is None else self._since
        until = max(self.pace.paused_until, now)
        if self.patience.ended(error, until - self._since):
            self._give_up(error)
            return None
        self._hold()
        return None if tries.hopeless(self.patience, error, until) else 0.0

    def over(self, tries: Tries) -> None:
        """A request was answered, stopped or given up. When nobody is left who waits, the next one asks at once."""
        self._failing.discard(tries)
        if not self._failing and not self._queue:
            self._since = None
            self.pace.forget()

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def _turn(self, held: Held) -> int:
        waiter = _Waiter(asyncio.get_running_loop().create_future(), held)
        self._queue.append(waiter)
        self._hold()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self.pace.ended(waiter.turn.result())
            self._let_out()
            raise

    def _let_out(self) -> None:
        """Let out whoever may leave, and come back at the end of a pause."""
        now = self.clock()
        while self._queue and self.pace.may_leave(now):
            self._queue.popleft().turn.set_result(self.pace.leave())
        left = self.pace.paused_until - now
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue and left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._let_out)

    def _hold(self) -> None:
        """Tell those who wait of a pause that is new, or longer than they were told."""
        until = self.pace.paused_until
        left = until - self.clock()
        for waiter in self._queue:
            if left > 0 and until > waiter.until:
                waiter.until = until
                waiter.held(left, self._why)
        self._let_out()

    def _give_up(self, error: ModelError) -> None:
        """Whoever waits has waited for this endpoint as long as the one that was told so."""
        while self._queue:
            self._queue.popleft().turn.set_exception(GivenUpError(error))

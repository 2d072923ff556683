"""How many requests may be out at the same time, learnt from what the endpoint says: one for all agents of a process.

Pure: time comes in as seconds of a clock that only grows. Additive increase, multiplicative decrease, as for packets
on a wire. A refusal (429, 529, no connection) pauses everybody and halves what may be out; after the pause a single
request is the probe, and the others follow only when its answer has begun: from then on each answer that begins lets
one more out, up to where it was halved, and beyond that one more for each full round.
Invariant: nothing leaves during a pause, and while refusals last one request leaves for each pause.
"""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """What may leave. Each request that leaves has a number, by which it is told of again."""

    limit: float = math.inf  # requests that may be out; not bounded until something was refused
    safe: float = math.inf  # up to here the limit grows by one an answer
    out: int = 0
    paused_until: float = -math.inf
    refusals: int = 0  # pauses since an answer last began; more than 0: a probe goes first
    _newest: int = 0
    _before_pause: int = 0  # requests up to this number left before the newest pause
    _probe: int = 0  # the number of the probe that is out; 0: none

    def may_leave(self, now: float) -> bool:
        """Whether one more request may leave."""
        if now < self.paused_until:
            return False
        return not self._probe if self.refusals else self.out < self.limit

    def leave(self) -> int:
        """A request leaves; its number."""
        self._newest += 1
        self.out += 1
        if self.refusals:
            self._probe = self._newest
        return self._newest

    def accepted(self, number: int) -> None:
        """The answer to a request has begun. One that left before the newest pause says nothing of what is now."""
        if number <= self._before_pause:
            return
        self.refusals, self._probe = 0, 0
        self.limit += 1 if self.limit < self.safe else 1 / self.limit

    def refused(self, number: int, now: float, pause_s: float, *, asked: bool = False) -> bool:
        """A request was refused for want of room: nobody leaves for `pause_s`. `asked`: the endpoint named that time.

        Returns whether that is news: requests that left before the newest pause met the same refusal as the first of
        them, and only lengthen the pause where the endpoint asks for more.
        """
        if number <= self._before_pause:
            if asked:
                self.paused_until = max(self.paused_until, now + pause_s)
            return False
        self.limit = 1 if self.refusals else max(1, self.out // 2)
        self.safe = self.safe if self.refusals else self.limit
        self.refusals += 1
        self._before_pause, self._probe = self._newest, 0
        self.paused_until = max(self.paused_until, now + pause_s)
        return True

    def ended(self, number: int) -> None:
        """A request that had left is over, however it ended; once for each."""
        self.out -= 1
        if number == self._probe:
            self._probe = 0

    def forget(self) -> None:
        """Nobody waits any more: whoever comes next asks at once."""
        self.paused_until, self.refusals, self._probe = -math.inf, 0, 0

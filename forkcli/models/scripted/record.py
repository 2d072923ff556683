"""What the scripted server remembers of the requests that it got: written by its thread, read by any other."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from forkcli.core.messages import Block, Json

Ended = Literal["", "whole", "fault", "refused", "dropped"]


@dataclass(slots=True)
class Recorded:
    """One `POST /v1/messages`. `ended` stays empty while it is being answered; `dropped`: the client went away."""

    number: int  # from 1
    at: float  # seconds since the epoch
    headers: Mapping[str, str]  # names in lower case
    raw: bytes = field(repr=False)
    status: int | None = None
    began: float | None = None  # when the answer began, by the monotonic clock
    ended: Ended = ""
    usage: Json | None = None  # as it was sent
    sent: list[Block] = field(default_factory=list, repr=False)  # the reply's content, signed
    error: str = ""

    @property
    def body(self) -> Json:
        """The parsed body; parsed anew each time, so that many requests do not fill the memory."""
        body: Json = json.loads(self.raw)
        return body

    @property
    def messages(self) -> list[Json]:
        """The messages of the body."""
        messages: list[Json] = self.body["messages"]
        return messages


class Log:
    """All requests, and whoever waits for them."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._changed = threading.Condition()
        self._requests: list[Recorded] = []
        self.others: list[tuple[str, str]] = []  # method and path of what was no POST /v1/messages

    @property
    def requests(self) -> list[Recorded]:
        """A copy of the list."""
        with self._changed:
            return list(self._requests)

    def add(self, headers: Mapping[str, str], raw: bytes) -> Recorded:
        """Remember a request that has come in."""
        with self._changed:
            record = Recorded(len(self._requests) + 1, time.time(), headers, raw)
            self._requests.append(record)
            if 0 < self._keep < len(self._requests):
                self._requests[-self._keep - 1].raw = b""
            self._changed.notify_all()
            return record

    def tell(self) -> None:
        """Wake those who wait: something about a request has changed."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, true: Callable[[list[Recorded]], bool], timeout_s: float) -> bool:
        """Wait until `true` holds for the list of requests; false when the time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: true(self._requests), timeout_s)

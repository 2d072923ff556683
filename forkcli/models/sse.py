"""Server-sent events out of the bytes of a body.

Pure. It follows the standard but for `id` and `retry`, which mean nothing here. Invariant: the events are the same
however the bytes are cut; an event that has no blank line after it is never given out.
"""

from typing import NamedTuple

LONGEST = 64 << 20  # bytes of one event


class ServerSentEvent(NamedTuple):
    """One event with data: its name (empty if it has none) and the data."""

    name: str
    data: str


class SseDecoder:
    """Feed it bytes as they come; it gives the events that they complete."""

    def __init__(self, longest: int = LONGEST) -> None:
        """`longest`: bytes that one event may have."""
        self._longest = longest
        self._rest = b""
        self._name = b""
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that are complete now. Raises ValueError for one that is no UTF-8 or too long."""
        lines = (self._rest + chunk).splitlines(keepends=True)
        # A carriage return at the end may be the first half of a line's end.
        self._rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        events = [event for line in lines if (event := self._take(line.rstrip(b"\r\n"))) is not None]
        if self._held + len(self._rest) > self._longest:
            raise ValueError("an event has no end")
        return events

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._complete()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._held += len(value)
        elif field == b"event":
            self._name = value
        return None

    def _complete(self) -> ServerSentEvent | None:
        name, data = self._name.decode(), b"\n".join(self._data).decode()
        self._name, self._data, self._held = b"", [], 0
        return ServerSentEvent(name, data) if data.strip() else None

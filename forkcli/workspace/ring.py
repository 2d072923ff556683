"""The head and the tail of an output of any length, in bounded memory.

It never touches a file. Invariant: `head` is the first bytes that came and `tail` the last ones; together they never
hold more than their two sizes, and nothing is in both.
"""

from collections import deque

HEAD_BYTES = 20 * 1024
TAIL_BYTES = 10 * 1024


class Ring:
    """Keeps the first HEAD_BYTES and the last TAIL_BYTES of what is added."""

    def __init__(self, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._held = 0
        self.total = 0

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return self.total <= self._head_bytes + self._tail_bytes

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the output."""
        self.total += len(chunk)
        room = self._head_bytes - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        chunk = chunk[-self._tail_bytes :]
        self._tail.append(chunk)
        self._held += len(chunk)
        while self._held - len(self._tail[0]) >= self._tail_bytes:
            self._held -= len(self._tail.popleft())

    def head_and_tail(self) -> tuple[bytes, bytes]:
        """What is kept; everything in the first part when nothing was left out."""
        tail = b"".join(self._tail)
        if self.complete:
            return bytes(self._head) + tail, b""
        return bytes(self._head), tail[-self._tail_bytes :]

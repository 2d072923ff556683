"""`context.jsonl`: what the next model call sends, one message a line under a first line with system, tools and model.

It is derived: whatever is wrong with it, it is made again from the history, which it never replaces. The lines are the
messages' own bytes, so equal files mean equal requests; a fork's names what it shares with its parent (`Message.line`).
"""

import os
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

from forkcli.core.entries import Agent
from forkcli.core.history import History
from forkcli.core.messages import Message, dump
from forkcli.store.files import append_file, open_private, replace_file


class Match(Enum):
    """How a derived file stands to what the history says it should be."""

    SAME = "same"
    LAGS = "lags"  # a prefix of what it should be: a process ended between the history and this file
    DIFFERS = "differs"
    ABSENT = "absent"


def context_lines(history: History) -> Iterator[bytes]:
    """The whole file, line by line. A fork's holds only what came after the fork."""
    if history.agent is not None:
        line_1 = history.agent if history.head.bounds else history.root
        yield head_line(line_1 or history.agent, history.model)
    yield from message_lines(history.own_messages)


def head_line(agent: Agent, model: str) -> bytes:
    """The first line: system, tools and model; of one that shares a past, whose context goes before and up to where."""
    if agent.from_seq is not None:
        return dump({"parent": agent.parent, "entry": agent.from_seq, "model": model}) + b"\n"
    return dump({"system": list(agent.system), "tools": list(agent.tools), "model": model}) + b"\n"


def message_lines(messages: Sequence[Message]) -> Iterator[bytes]:
    """The lines of some messages."""
    for message in messages:
        yield message.line + b"\n"


def compare(path: Path, chunks: Iterator[bytes]) -> Match:
    """How the file at `path` stands to the bytes it should hold; never holds more than a chunk."""
    try:
        fd = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return Match.ABSENT
    except OSError:
        return Match.DIFFERS
    with os.fdopen(fd, "rb") as file:
        for chunk in chunks:
            found = file.read(len(chunk))
            if found != chunk:
                ended = chunk.startswith(found) and not file.read(1)
                return Match.LAGS if ended else Match.DIFFERS
        return Match.DIFFERS if file.read(1) else Match.SAME


class ContextFile:
    """The context.jsonl of one agent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, messages: Sequence[Message]) -> None:
        """Add the context's new messages. Raises ForkError(STORAGE)."""
        append_file(self.path, b"".join(message_lines(messages)))

    def match(self, history: History) -> Match:
        """How the file stands to what the history comes to."""
        return compare(self.path, context_lines(history))

    def rebuild(self, history: History) -> None:
        """Make the file again: temp, fsync, rename."""
        replace_file(self.path, context_lines(history))

    def replace_head(self, head: bytes) -> None:
        """Put another first line in place of the one there is; the messages stay. Raises ForkError(STORAGE)."""
        replace_file(self.path, self._with_head(head))

    def _with_head(self, head: bytes) -> Iterator[bytes]:
        yield head
        try:
            fd = open_private(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return
        with os.fdopen(fd, "rb") as file:
            file.readline()
            while chunk := file.read(1 << 20):
                yield chunk

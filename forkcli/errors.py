"""The one error of fork and the exit codes.

An error is one sentence saying what went wrong, with what, and what to do. Whoever catches it at the door (`cli.py`,
the REPL, the pipe) prints the sentence and the hints; nothing else formats errors.
"""

from enum import Enum


class Kind(Enum):
    """What sort of failure it is; each has one exit code."""

    FAILED = 1
    USAGE = 2
    LIMIT = 3
    STORAGE = 4  # the history could not be written: fork stops acting
    UNAVAILABLE = 75  # the API did not answer after all retries: try again
    INTERRUPTED = 130
    TERMINATED = 143


class ForkError(Exception):
    """A failure that a person can read: one sentence without a full stop, and hints of what to do."""

    def __init__(self, sentence: str, *hints: str, kind: Kind = Kind.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hints = hints
        self.kind = kind

    @property
    def exit_code(self) -> int:
        """The process's exit code for this error."""
        return self.kind.value

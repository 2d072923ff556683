"""Which outside check comes next once a turn is done, and when there have been enough: from the history alone.

A check counts for the answer that it came after: an answer that is newer has to be checked again. Rounds are counted
since the last prompt; a limit that ended the turn, or checks that were ordered anew, begin the count again.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from forkcli.core.check_entries import Checked, Checks
from forkcli.core.entries import Assistant, Body, Interrupt, Prompt
from forkcli.core.history import History

HEAD_CHARS = 4000  # of a failed check's output that the agent is told; the end matters more
TAIL_CHARS = 8000


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run the user's command."""

    command: str
    round: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Review:
    """Let an agent with fresh eyes look at the work."""

    perspective: str
    round: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The agent was sent back as often as it may be: the turn ends at this limit."""

    sentence: str


NextCheck: TypeAlias = RunCommand | Review | Spent


def in_force(history: History) -> Checks:
    """What turns of this agent have to pass; a fork is held to nothing that was asked of its parent."""
    own = history.entries.own
    return next((entry.body for entry in reversed(own) if isinstance(entry.body, Checks)), Checks())


def next_check(history: History) -> NextCheck | None:
    """The check that a turn which is otherwise done has yet to pass; None if there is none."""
    wanted = in_force(history)
    if history.answer is None or not (wanted.until or wanted.review):
        return None
    since = _since_asked(history)
    if wanted.until and not _passed("until", since):
        sent_back = _failures("until", since)
        if sent_back > wanted.max_rounds:
            return Spent(until_spent(wanted.until, wanted.max_rounds))
        return RunCommand(wanted.until, sent_back + 1, wanted.max_rounds)
    if wanted.review and not _passed("review", since):
        sent_back = _failures("review", since)
        if sent_back > wanted.review:
            return Spent(review_spent(wanted.review))
        return Review(wanted.perspective, sent_back + 1, wanted.review)
    return None


def until_spent(command: str, rounds: int) -> str:
    """Why a turn ended whose command never passed."""
    return f"`{command}` still fails after {_rounds(rounds)} (--max-rounds)"


def review_spent(rounds: int) -> str:
    """Why a turn ended whose reviewers were never content."""
    return f"peer review still finds something after {_rounds(rounds)} (--review)"


def round_told(number: int, rounds: int) -> str:
    """Where the agent stands, in the words it is told with."""
    return f"round {number} of {rounds}" if number <= rounds else f"no round is left of {rounds}"


def clipped(head: str, tail: str, where: str) -> str:
    """Head and tail of an output as the agent is told of it; `where` is the file that holds all of it.

    `tail` is empty where `head` is everything.
    """
    if not tail and len(head) <= HEAD_CHARS + TAIL_CHARS:
        return head.strip("\n") or "(nothing)"
    first, last = head[:HEAD_CHARS].rstrip("\n"), (tail or head)[-TAIL_CHARS:].strip("\n")
    return f"{first}\n[… cut here; all of it: {where} …]\n{last}"


def _rounds(count: int) -> str:
    return f"{count} round{'' if count == 1 else 's'}"


def _since_asked(history: History) -> list[Body]:
    """What happened since the rounds are counted, newest first."""
    found: list[Body] = []
    for entry in reversed(history.entries.own):
        body = entry.body
        if isinstance(body, Prompt | Checks) or (isinstance(body, Interrupt) and body.by == "limit"):
            break
        found.append(body)
    return found


def _passed(what: Literal["until", "review"], since: list[Body]) -> bool:
    """Whether the newest answer has passed this check."""
    for body in since:
        if isinstance(body, Assistant):
            return False
        if isinstance(body, Checked) and body.what == what:
            return body.passed
    return False


def _failures(what: Literal["until", "review"], since: list[Body]) -> int:
    return sum(isinstance(body, Checked) and body.what == what and not body.passed for body in since)

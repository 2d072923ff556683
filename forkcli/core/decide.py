"""What an agent does next, from its history alone. The loop carries one action out and asks again."""

from dataclasses import dataclass
from typing import TypeAlias

from forkcli.core.entries import Assistant, Notice
from forkcli.core.events import TurnStatus
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import Block, calls_of

MAX_CONTINUED = 3  # answers in a row that may be cut at the output limit, or paused, before the turn ends

CUT = Notice("Your answer was cut at the output limit. Go on exactly where it stopped.", asks=True)

STOPPED = Notice("Your answer was interrupted. Go on exactly where it stopped.", asks=True)


@dataclass(frozen=True, slots=True)
class CallModel:
    """Send the context."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Close the user-role message with a checkpoint; the request follows."""


@dataclass(frozen=True, slots=True)
class RunTools:
    """Run calls of the newest answer that were never started, in their order."""

    calls: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """Answer calls that are not run: started by a process that is gone, or (not `started`) of a cut answer."""

    calls: tuple[CallId, ...]
    started: bool = True


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for the forks of these calls to report (they may have to be taken up again), and answer the calls."""

    calls: tuple[CallId, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """Add a notice that the model has to answer."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Finish:
    """The turn is over."""

    status: TurnStatus
    sentence: str = ""


Action: TypeAlias = CallModel | Seal | RunTools | AnswerLost | Gather | Say | Finish


def next_action(history: History) -> Action:
    """The next action. A started call without a result counts as lost: ask only when none of one's own is running."""
    lost = tuple(key for key, call in history.open_calls.items() if call.started)
    if lost:
        return AnswerLost(lost)
    if history.halt is not None:
        return Finish(history.halt.status, history.halt.sentence)
    waiting = history.open_calls
    if waiting and history.answer is not None and history.answer.cut:
        return AnswerLost(tuple(waiting), started=False)
    unasked = tuple(call.block for call in waiting.values() if not call.forked)
    if unasked:
        return RunTools(unasked)
    if waiting:
        return Gather(tuple(waiting))
    if history.wants_answer:
        return Seal()
    if history.answer is None:
        return CallModel() if history.messages else Finish("done")
    return _after(history, history.answer)


def _after(history: History, answer: Assistant) -> Action:
    """What follows an answer that asks for no tool."""
    if answer.cut:
        return Say(STOPPED)
    match answer.stop_reason:
        case "refusal":
            return Finish("refused", "the model refused to answer" + _category(answer))
        case "pause_turn" if history.continued <= MAX_CONTINUED:
            return CallModel()
        case "max_tokens" if history.continued <= MAX_CONTINUED:
            return Say(CUT)
        case "max_tokens" | "pause_turn":
            return Finish("limit", f"the answer was cut {history.continued} times in a row")
        case "tool_use" if calls_of((*answer.content, *answer.lost)):  # and none that could be run
            return Finish("failed", "the model called a tool in a way that cannot be read; ask it again")
        case "model_context_window_exceeded":
            return Finish("failed", "the context is full; begin a new session")
        case _:
            return Finish("done")


def _category(answer: Assistant) -> str:
    details = answer.stop_details or {}
    category = details.get("category")
    return f" ({category})" if isinstance(category, str) else ""


def unreported(history: History) -> list[AgentId]:
    """Forks in the background that have not reported: a turn does not end before they have."""
    return [name for name, fork in history.forks.items() if not fork.wait and name not in history.reports]


def is_unfinished(history: History) -> bool:
    """Whether a turn was begun that is neither done nor refused, or forks work for it: it can be taken up again."""
    if history.halt is not None or unreported(history):
        return True
    action = next_action(history)
    return not isinstance(action, Finish) or action.status not in {"done", "refused"}

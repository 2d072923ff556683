"""What an agent does next, from its history alone. The loop carries one action out and asks again."""

from dataclasses import dataclass
from typing import TypeAlias

from forkcli.core.checking import next_check
from forkcli.core.entries import (
    Assistant,
    Checkpoint,
    Message,
    Notice,
    Prompt,
    Report,
    Resume,
    Rewind,
    ToolResult,
)
from forkcli.core.events import TurnStatus
from forkcli.core.history import Call, History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import Block, calls_of

REWINDS = "rewind"  # the tool that goes back: after it there is nothing left to run
FULL = "model_context_window_exceeded"
TOO_LARGE = "what the agent was asked does not fit the model's context, even by itself"
FULL_AGAIN = "the context was full again at once, each of the last {} times that room was made in it"
MOST_ROOMS = 5  # times in a row that room is made for hardly an answer
HARDLY = 2
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
class MakeRoom:
    """The context does not fit: go back with a report; `cut`: that was done and was not enough, so keep hardly any."""

    cut: bool


@dataclass(frozen=True, slots=True)
class Say:
    """Add a notice that the model has to answer."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Finish:
    """The turn is over."""

    status: TurnStatus
    sentence: str = ""


Action: TypeAlias = CallModel | Seal | RunTools | AnswerLost | Gather | MakeRoom | Say | Finish


def next_action(history: History) -> Action:
    """The next action. A started call without a result counts as lost: ask only when none of one's own is running."""
    lost = tuple(key for key, call in history.open_calls.items() if call.started)
    if lost:
        return AnswerLost(lost)
    if history.halt is not None and history.halt.full:
        return _make_room(history)
    if history.halt is not None:
        return Finish(history.halt.status, history.halt.sentence)
    waiting = history.open_calls
    if waiting and history.answer is not None and history.answer.cut:
        return AnswerLost(tuple(waiting), started=False)
    if waiting:
        return _tools(waiting)
    if history.wants_answer:
        return Seal()
    if history.answer is None:
        return _unanswered(history)
    return _after(history, history.answer)


def _unanswered(history: History) -> Action:
    """What was sealed is still to be answered; what a rewind or a change of access tells goes along."""
    if not history.messages:
        return Finish("done")
    return Seal() if history.parts else CallModel()


def _tools(waiting: dict[CallId, Call]) -> Action:
    """The calls are run, then the agents that they made are waited for, and what rewinds comes last of all."""
    unasked = [call.block for call in waiting.values() if not call.forked]
    now = tuple(block for block in unasked if block["name"] != REWINDS)
    made = tuple(key for key, call in waiting.items() if call.forked)
    if now:
        return RunTools(now)
    return Gather(made) if made else RunTools(tuple(unasked))


def _make_room(history: History) -> Action:
    """First by a report of one's own; if the context still does not fit then, by a cut; then it is over."""
    done, in_vain = _rooms(history)
    if done > 1:
        return Finish("failed", TOO_LARGE)
    if in_vain >= MOST_ROOMS:
        return Finish("failed", FULL_AGAIN.format(MOST_ROOMS))
    return MakeRoom(cut=done == 1)


def _rooms(history: History) -> tuple[int, int]:
    """How often room was made since the newest answer, and how often in a row for hardly an answer each.

    Whatever the user asks anew is tried anew.
    """
    count = in_vain = answers = between = 0
    for entry in reversed(history.entries.own):
        body = entry.body
        if isinstance(body, Prompt) or between > HARDLY:
            break
        if isinstance(body, Assistant) and body.stop_reason != FULL:
            answers, between = answers + 1, between + 1
        elif isinstance(body, Rewind) and body.by == "fork":
            in_vain, between = in_vain + 1, 0
            count += not answers
    return count, in_vain


def _after(history: History, answer: Assistant) -> Action:
    """What follows an answer that asks for no tool."""
    if answer.cut:
        return Say(STOPPED)
    match answer.stop_reason:
        case "refusal":
            return Finish("refused", "the model refused to answer" + _category(answer))
        case "pause_turn" if history.head.continued <= MAX_CONTINUED:
            return CallModel()
        case "max_tokens" if history.head.continued <= MAX_CONTINUED:
            return Say(CUT)
        case "max_tokens" | "pause_turn":
            return Finish("limit", f"the answer was cut {history.head.continued} times in a row")
        case "tool_use" if calls_of((*answer.content, *answer.lost)):  # and none that could be run
            return Finish("failed", "the model called a tool in a way that cannot be read; ask it again")
        case "model_context_window_exceeded":
            return _make_room(history)
        case _:
            return Finish("done")


def _category(answer: Assistant) -> str:
    details = answer.stop_details or {}
    category = details.get("category")
    return f" ({category})" if isinstance(category, str) else ""


def unreported(history: History) -> list[AgentId]:
    """Agents in the background that are to report to this self and have not: a turn does not end before they have."""
    waited = (name for name in history.forks if name in history.head.awaits and history.by_message(name))
    return [name for name in waited if name not in history.reports]


def waits_for_a_prompt(history: History) -> bool:
    """Whether the turn has ended, and only forks of the user's have reported since: that goes with the next prompt."""
    reported, back = False, history.next_seq
    for entry in reversed(history.entries.own):
        if entry.seq > back:  # left behind
            continue
        match entry.body:
            case Rewind(by="user", report="", to=to):
                told = [history.forks[AgentId(message.sender)].call for message in history.reports_told(entry.seq)]
                if any(call is not None for call in told):
                    return False
                reported, back = reported or bool(told), to
            case Report(agent=name) if (order := history.forks.get(name)) is not None and order.call is None:
                reported = reported or not order.wait  # a reviewer's is the turn's own: nobody else is waited for so
            case Assistant(stop_reason="end_turn", cut=False):
                return reported and not history.open_calls and not unreported(history)
            case Assistant() | Prompt() | ToolResult() | Message() | Checkpoint() | Report() | Rewind() | Resume():
                return False
            case _:
                continue
    return False


def is_unfinished(history: History) -> bool:
    """Whether a turn was begun that is neither done and checked nor refused, or forks work for it: it can go on."""
    if (history.halt is not None and history.halt.status != "done") or unreported(history):
        return True
    if waits_for_a_prompt(history):
        return False
    action = next_action(history)
    if not isinstance(action, Finish) or action.status not in {"done", "refused"}:
        return True
    return action.status == "done" and next_check(history) is not None

"""The interview of a spawned agent, from its history: whether it goes on, what it may ask, how long it may take."""

from forkcli.core.entries import Assistant, Prompt, ToolResult
from forkcli.core.history import History
from forkcli.core.ids import CallId
from forkcli.core.messages import Block, calls_of

MOST_ROUNDS = 5  # questions that an interview takes
INTERVIEW_STEPS = 40  # model calls that it takes
SEND = "send"

NOBODY = "nobody answers questions here: decide with what you have, and say in your report what you assumed"
ENOUGH = f"you have asked {MOST_ROUNDS} times, and no more is answered: get ready now and end your turn"


def interviewing(history: History) -> bool:
    """Whether this is a spawned agent that was told its brief and nothing since: it gets ready, and may ask."""
    return newest_source(history) == "brief"


def refused(history: History, call: CallId) -> str | None:
    """Why the question that this agent asks with `call` is not answered, in a sentence; None if it is."""
    about = history.agent
    if about is None or about.kind != "spawn":
        return None
    if about.interview == "none":
        return NOBODY
    return ENOUGH if interviewing(history) and rounds(history, call) >= MOST_ROUNDS else None


def rounds(history: History, call: CallId) -> int:
    """How many questions this agent has asked before `call`: those that were answered, and those beside it."""
    beside = [key for key, one in history.calls.items() if _is_question(one.block)]
    before = beside.index(call) if call in beside else len(beside)
    asked: list[Block] = []
    for entry in history.entries.own:
        match entry.body:
            case Assistant(content=content):
                asked = [block for block in calls_of(content) if _is_question(block)]
            case ToolResult(call=answered, is_error=False) if answered not in beside:
                before += any(_is_of(block, answered) for block in asked)
    return before


def own_limit(history: History) -> str | None:
    """The sentence that says that this agent has made as many steps as it was given, else None.

    An interview has its own bound, and does not count for the task.
    """
    about = history.agent
    if about is None:
        return None
    if about.kind != "spawn":
        most, made = about.max_steps, history.own_steps
    elif interviewing(history):
        most, made = INTERVIEW_STEPS, history.own_steps
    else:
        most, made = about.max_steps, history.own_steps - _steps_before_the_task(history)
    return None if most is None or made < most else f"its limit of {most} step{'' if most == 1 else 's'} was reached"


def words_since_the_task(history: History) -> list[Assistant]:
    """The answers that a report may be taken from: of a spawned agent none from its interview, if it came further."""
    answers = history.own_answers()
    if history.agent is None or history.agent.kind != "spawn":
        return answers
    return answers[_steps_before_the_task(history) :]


def _steps_before_the_task(history: History) -> int:
    steps = 0
    for entry in history.entries.own:
        if isinstance(entry.body, Prompt) and entry.body.source == "task":
            return steps
        steps += isinstance(entry.body, Assistant)
    return 0


def newest_source(history: History) -> str:
    """Where the newest prompt of this agent's own came from; empty if it has none."""
    bodies = (entry.body for entry in reversed(history.entries.own))
    return next((body.source for body in bodies if isinstance(body, Prompt)), "")


def _is_question(block: Block) -> bool:
    given = block.get("input")
    return block.get("name") == SEND and isinstance(given, dict) and given.get("wait") is True


def _is_of(block: Block, call: CallId) -> bool:
    """Whether the result of `call` answers this block: an id that was used before has got a number at its end."""
    return call == block.get("id") or call.startswith(f"{block.get('id')}_")

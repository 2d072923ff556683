"""What a fork is told and what its parent gets back: texts and entries, from the two histories alone."""

from dataclasses import dataclass

from forkcli.core.entries import Access, Agent, Child, ChildStatus, Fork, Order, Report, ToolResult, Usage
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.interview import words_since_the_task
from forkcli.core.messages import text_block, text_of

HANDLED = "[handled by {parent}: not your task]"
HAD_NOT_ENDED = "[it had not ended when {parent} stopped]"
STILL_RUNNING = "[still running in {parent}; its result comes to {parent} alone]"
AGENTS = frozenset({"fork", "spawn", "rewind"})  # calls that only the agent that made them has answered
NO_REPORT = "(it ended without a report)"


@dataclass(frozen=True, slots=True)
class Opened:
    """The entries that begin a fork's history, after the past it shares: its line 1 and the answers to open calls."""

    line_one: Agent
    answers: tuple[ToolResult, ...]


def opening(
    parent: History, past: History, fork: Fork, child: Child, told: str, *, open_calls: str | None = None
) -> Opened:
    """How `child` begins after `past`, the part of its parent's history that it shares.

    `told` is what it is told: as the result of the forking call, if the model forked. `open_calls` answers calls that
    were open, where the two usual ways to do so are not true.
    """
    above = parent.agent
    if above is None or parent.root is None:
        raise ValueError("a history without its line 1 cannot be forked")
    line_one = Agent(
        v=above.v,
        session=above.session,
        agent=child.agent,
        kind="fork",
        project=above.project,
        model=parent.model,
        effort=parent.effort,
        system=(),
        tools=(),
        made_by=above.made_by,
        access=narrower(child.access, parent.access),
        net=parent.net,
        parent=above.agent,
        from_seq=fork.from_seq,
        call=fork.call,
        task=child.task,
        depth=above.depth + 1,
        max_steps=child.max_steps,
    )
    return Opened(line_one, tuple(answers_of(past, above.agent, fork.call, "fork", told, STILL_RUNNING, open_calls)))


def answers_of(
    past: History, parent: AgentId, call: CallId | None, name: str, told: str, others: str, all_open: str | None = None
) -> list[ToolResult]:
    """The answers to the calls that stand open in a past: `told` to `call`, last; the others are not this agent's."""
    answers = [
        _answer(key, one.block["name"], all_open or _usual(one.block["name"], others), parent)
        for key, one in past.open_calls.items()
        if key != call
    ]
    if call is not None and call in past.open_calls:
        answers.append(ToolResult(call, name, (text_block(told),)))
    return answers


def _usual(name: str, others: str) -> str:
    return HANDLED if name in AGENTS else others


def _answer(call: CallId, name: str, text: str, parent: AgentId) -> ToolResult:
    return ToolResult(call, name, (text_block(text.format(parent=parent)),))


def narrower(wanted: Access, allowed: Access) -> Access:
    """The narrower of two accesses: a fork never gets more than its parent has."""
    return min(wanted, allowed, key=("read", "write", "full").index)


def others(parent: AgentId, order: Order, child: Child) -> str:
    """What the child is told its parent and its siblings do meanwhile, in a sentence."""
    named = siblings(order, child)
    until = "all of you have ended" if named else "you have ended"
    does = f"{parent} waits until {until}" if order.wait else f"{parent} goes on meanwhile"
    return (
        f"{does}; all else is for it or your siblings to do ({named})."
        if named
        else f"{does}; all else is for it to do."
    )


def siblings(order: Order, child: Child) -> str:
    """The other children of the same order and what each does, in one line."""
    return "; ".join(f"{other.agent}: {_short(other.task)}" for other in order.children if other.agent != child.agent)


def report_of(child: History, status: ChildStatus, tree: str = "") -> Report:
    """The report of a child that has ended: its last words, and what it took. All from its own entries."""
    if child.agent is None:
        raise ValueError("a history without its line 1 has no report")
    answers = child.own_answers()
    said = (text_of(answer.content).strip() for answer in reversed(words_since_the_task(child)))
    usage, cost = Usage(), None
    for paid in child.own_paid():
        usage = usage.plus(paid.usage)
        if paid.cost_usd is not None:
            cost = (cost or 0.0) + paid.cost_usd
    first = answers[0].usage.cache_share if answers and answers[0].usage.prompt_tokens else None
    text = next((text for text in said if text), NO_REPORT)
    return Report(child.agent.agent, status, text, len(answers), usage, cost, first, tree)


def _short(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 100 else line[:99] + "…"

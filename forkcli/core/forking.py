"""What a fork is told and what its parent gets back: texts and entries, from the two histories alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forkcli.core.entries import Access, Agent, Child, ChildStatus, Fork, Merge, Report, ToolResult, Usage
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import quoted, text_block, text_of

HANDLED = "[handled by {parent}: not your task]"
STILL_RUNNING = "[still running in {parent}; its result comes to {parent} alone]"
NO_REPORT = "(it ended without a report)"


@dataclass(frozen=True, slots=True)
class Opened:
    """The entries that begin a fork's history, after the past it shares: its line 1 and the answers to open calls."""

    line_one: Agent
    answers: tuple[ToolResult, ...]


def opening(parent: History, fork: Fork, child: Child, told: str, workspace: str = "") -> Opened:
    """How `child` begins. `told` is what it is told: as the result of the forking call, if the model forked."""
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
        workspace=workspace,
    )
    past = parent.forked(fork.from_seq)
    answers = [
        _answer(key, call.block["name"], (HANDLED if call.block["name"] == "fork" else STILL_RUNNING), above.agent)
        for key, call in past.open_calls.items()
        if key != fork.call
    ]
    if fork.call is not None and fork.call in past.open_calls:
        answers.append(ToolResult(fork.call, "fork", (text_block(told),)))
    return Opened(line_one, tuple(answers))


def _answer(call: CallId, name: str, text: str, parent: AgentId) -> ToolResult:
    return ToolResult(call, name, (text_block(text.format(parent=parent)),))


def narrower(wanted: Access, allowed: Access) -> Access:
    """The narrower of two accesses: a fork never gets more than its parent has."""
    return min(wanted, allowed, key=("read", "write", "full").index)


def others(fork: Fork, child: Child) -> str:
    """What the child is told of its siblings, in one clause."""
    rest = [other for other in fork.children if other.agent != child.agent]
    if not rest:
        return "does everything else"
    named = "; ".join(f"{other.agent}: {_short(other.task)}" for other in rest)
    return f"everything else is done there or by your siblings ({named})"


def report_of(child: History, status: ChildStatus, tree: str = "") -> Report:
    """The report of a child that has ended: its last words, and what it took. All from its own entries."""
    if child.agent is None:
        raise ValueError("a history without its line 1 has no report")
    answers = child.own_answers()
    said = (text_of(answer.content).strip() for answer in reversed(answers))
    usage, cost = Usage(), None
    for answer in answers:
        usage = usage.plus(answer.usage)
        if answer.cost_usd is not None:
            cost = (cost or 0.0) + answer.cost_usd
    first = answers[0].usage.cache_share if answers and answers[0].usage.prompt_tokens else None
    text = next((text for text in said if text), NO_REPORT)
    return Report(child.agent.agent, status, text, len(answers), usage, cost, first, tree)


def gathered(fork: Fork, reports: Mapping[AgentId, Report], merges: Mapping[AgentId, Merge]) -> str:
    """The result of a `fork` call: every child's report, in the order of the tasks."""
    return "\n".join(_one(child, reports[child.agent], merges.get(child.agent)) for child in fork.children)


def _one(child: Child, report: Report, merge: Merge | None) -> str:
    facts = [
        report.status,
        f"{report.steps} steps",
        f"{report.usage.prompt_tokens + report.usage.output_tokens:,} tokens",
    ]
    if report.cost_usd is not None:
        facts.append(f"${report.cost_usd:.4f}")
    if report.first_cache_share is not None:
        facts.append(f"{report.first_cache_share:.1%} of its first request from the cache")
    files = f' files="{files_of(merge)}"' if merge else ""
    about = f'<report from="{child.agent}" status="{", ".join(facts)}"{files}>'
    return f"{about}\n{quoted(report.text)}\n</report>"


def files_of(merge: Merge) -> str:
    """What became of a child's files, in words."""
    paths = " ".join(quoted(path) for path in merge.paths[:50])
    match merge.outcome:
        case "merged":
            return f"merged: {paths}"
        case "conflict":
            return f"conflict: {paths}; nothing of it was merged; the versions lie in {quoted(merge.where)}"
        case "kept":
            return "kept with it, not merged"
        case _:
            return "none changed"


def forking_calls(history: History) -> Sequence[CallId]:
    """Open calls of the newest answer that made forks."""
    return [key for key, call in history.open_calls.items() if call.forked]


def shared_pins(history: History) -> tuple[tuple[int, int], ...]:
    """The cache mark of a fork's first request on the last block that it shares with its siblings."""
    if history.agent is None or history.agent.parent is None or history.own_steps:
        return ()
    last = len(history.messages) - 1
    if last >= 0 and len(history.messages[last].content) > 1:
        return ((last, len(history.messages[last].content) - 2),)
    return ((last - 1, -1),) if last > 0 else ()


def _short(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 100 else line[:99] + "…"

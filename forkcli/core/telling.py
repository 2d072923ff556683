"""What a past self reads after a rewind: fork's notice, the reports, the ledger. Pure, and the same bytes each time."""

from collections.abc import Sequence
from typing import Literal

from forkcli.core.entries import Agent
from forkcli.core.ids import AgentId
from forkcli.core.ledger import Ledger
from forkcli.core.ledger_parts import Earlier, Stretch
from forkcli.core.ledger_text import LEDGER_CHARS, cut, files_lines, jobs_lines, ledger_told, on_a_line
from forkcli.core.messages import quoted

REPORT_CHARS = 60_000  # of a report, and of a fork's task
EARLIER_CHARS = 40_000  # of all earlier reports: the newest are whole, of the others as much as there is room for
LEAST_CHARS = 500  # of each of them

By = Literal["user", "agent", "fork"]

_BACK: dict[By, str] = {
    "agent": "You are back at checkpoint {to}, as you decided with `rewind`.",
    "user": "The user took you back to checkpoint {to}.",
    "fork": "Your context was full: fork asked you for a report and took you back to checkpoint {to}.",
}
_KIND = {"fork": "a fork", "spawn": "an agent"}
_HAPPENED = (
    "What followed it ({facts}) has left your context, but it happened. {author} The ledger is fork's own record. The "
    "whole stretch is in {folder}/transcript.md after `[checkpoint {to}]`. Go on from here: what is done, read, tried "
    "or answered need not be done again."
)
_UNREAD = (
    " What came last was too much for the window, and who wrote the report had not read it: {what}. It is in the "
    "transcript. If you need it, get it in smaller parts."
)
_CUT = (
    "Your context no longer fitted the model's window, and no report of yours could be had, so fork dropped it. What "
    "had happened ({facts}) is in the ledger in short and, word for word, in {folder}/transcript.md; the original "
    "prompt is in {prompt}. Read there what you need, the end first and a part at a time; then go on with the task."
)


def room_in(window: int) -> int:
    """The characters for a ledger in a window of so many tokens: at most about an eighth of it."""
    return min(LEDGER_CHARS, window // 2)


def told(
    ledger: Ledger,
    report: str,
    *,
    by: By,
    author: AgentId | None,
    folder: str,
    agent: Agent | None = None,
    by_hand: bool = False,
    room: int = LEDGER_CHARS,
) -> str:
    """The text that the past self gets with a report.

    `author` is the agent that the abandoned stretch has become; `folder` the past self's own files, as it can open
    them; `agent` its line 1: a fork is told again who it is and what for; `by_hand`: the user wrote the report; `room`:
    the characters that the ledger may take, as many for earlier reports, twice as many for this one.
    """
    facts, back = _facts(ledger.stretch), _BACK[by].format(to=ledger.to)
    wrote = _author(author, by_hand=by_hand)
    if ledger.earlier:
        wrote += " Earlier reports stand before it, the oldest first."
    happened = _HAPPENED.format(facts=facts, author=wrote, folder=folder, to=ledger.to)
    own = _report(report, author, ledger.stretch, folder, min(REPORT_CHARS, 2 * room), by_hand=by_hand)
    unread = _UNREAD.format(what=quoted(ledger.world.unread)) if ledger.world.unread else ""
    notice = f"<notice>{_identity(agent, room)}{back} {happened}{unread}</notice>"
    return "\n".join([notice, *_earlier(ledger.earlier, folder, room), own, ledger_told(ledger, folder, room)])


def notice_told(ledger: Ledger, *, folder: str) -> str:
    """The text of the notice of a user's rewind without a report; empty if all is as the past self remembers it.

    It names what it would stumble over: files that are not what they were, jobs and agents that run on.
    """
    lines = files_lines(ledger, most=30, restored=False)
    if lines:
        lines.append("Look at them before you rely on what you remember.")
    lines.extend(jobs_lines(ledger))
    working = [started for started in ledger.agents if started.agent in ledger.world.running]
    if working:
        lines.append(
            "Still at work: " + ", ".join(f"{on_a_line(one.agent, 40)} ({on_a_line(one.task, 80)})" for one in working)
        )
    if not lines:
        return ""
    where = f"What is no longer in your context is in {folder}/transcript.md."
    return "\n".join([f"The user took the conversation back to this point. {where}", *lines])


def cut_told(ledger: Ledger, *, folder: str, prompt: str, agent: Agent | None, room: int = LEDGER_CHARS) -> str:
    """The text in place of a context that was dropped without a report.

    `prompt` is the path of the original one; the others are as in `told`.
    """
    notice = _CUT.format(facts=_facts(ledger.stretch), prompt=prompt, folder=folder)
    earlier = _earlier(ledger.earlier, folder, room)
    return "\n".join(
        [f"<notice>{_identity(agent, room)}{notice}</notice>", *earlier, ledger_told(ledger, folder, room)]
    )


def _earlier(reports: Sequence[Earlier], folder: str, room: int) -> list[str]:
    """Reports of earlier stretches, oldest first, in about `room` characters."""
    most = min(EARLIER_CHARS, room)
    left, told = most, []
    for earlier in reversed(reports):
        chars = max(left, LEAST_CHARS)
        told.append(_report(earlier.report, earlier.author, earlier.stretch, folder, chars))
        left -= min(len(earlier.report), chars)
        if left <= -most // 4:
            break
    if len(told) < len(reports):
        told.append(f"<notice>{len(reports) - len(told)} older reports are in {folder}/transcript.md.</notice>")
    return told[::-1]


def _report(
    text: str, author: AgentId | None, stretch: Stretch, folder: str, most: int, *, by_hand: bool = False
) -> str:
    who = "user" if by_hand else author or "you"
    facts = f'entries="{stretch.first}-{stretch.last}" status="{_facts(stretch)}"'
    body = cut(text.strip(), most, f"; all of it: {folder}/transcript.md")
    return f'<report from="{who}" {facts}>\n{quoted(body)}\n</report>'


def _facts(stretch: Stretch) -> str:
    cost = f", ${stretch.cost_usd:.4f}" if stretch.cost_usd is not None else ""
    return f"{stretch.steps} step{'' if stretch.steps == 1 else 's'}, {stretch.tokens:,} tokens{cost}"


def _author(author: AgentId | None, *, by_hand: bool) -> str:
    wrote = "The user wrote the report." if by_hand else "You wrote the report at its end."
    return f"{wrote} Who you were then lives on as agent {author} and knows all of it." if author else wrote


def _identity(agent: Agent | None, room: int) -> str:
    """Who an agent is that began with another one's past or brief, and what for: its context may no longer say so."""
    if agent is None or agent.parent is None:
        return ""
    name, parent = agent.agent, agent.parent
    if agent.kind == "abandoned":
        return f"You are {name}: what {parent} was before it went back. Do what you are asked, not {parent}'s work. "
    task = quoted(cut(agent.task, min(REPORT_CHARS, 2 * room)))
    return f"You are {name}, {_KIND.get(agent.kind, 'a child')} of {parent}. Your task, {name}:\n{task}\n\n"

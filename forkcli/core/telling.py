"""What a past self reads after a rewind: fork's notice, the report, the ledger. Pure, and the same bytes each time.

Whatever came from a model, a tool, a file or a person is quoted, and a text of several lines is indented: nothing in it
can pass for a line of the ledger. Everything is bounded; what is left out is said, and where it lies.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from forkcli.core.entries import Agent, Approval
from forkcli.core.first import access_told
from forkcli.core.ids import AgentId
from forkcli.core.ledger import Earlier, Ledger, Ran, Seen, Sent, Started, Stretch, Talk
from forkcli.core.messages import quoted
from forkcli.core.reports import files_of

REPORT_CHARS = 60_000  # of a report
EARLIER_CHARS = 40_000  # of all earlier reports; the newest come first
LEDGER_CHARS = 40_000  # of a ledger, if its reader says nothing else
LEAST_CHARS = 2_000

By = Literal["user", "agent", "fork"]
T = TypeVar("T")

_BACK: dict[By, str] = {
    "agent": "You are back at checkpoint {to}, as you decided with `rewind`.",
    "user": "The user took you back to checkpoint {to}.",
    "fork": "Your context was full: fork asked you for a report and took you back to checkpoint {to}.",
}
_HAPPENED = (
    "What followed it ({facts}) has left your context, but it happened: the report says what came of it, the ledger is "
    "fork's own record. {author} Word for word it is in {folder}/transcript.md after `[checkpoint {to}]`, long outputs "
    "in {folder}/outputs/. Go on from here: what is done, read, tried or answered need not be done again."
)
_CUT = (
    "Your context no longer fitted the model's window, and no report of yours could be had: fork dropped it. "
    "What had happened ({facts}) is told by the ledger only. The original prompt, verbatim: {prompt}. All that you did, "
    "word for word: {folder}/transcript.md, long outputs in {folder}/outputs/. Read there what you need, a part at a "
    "time, its end first; then go on with the task."
)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How much of each part of a ledger is told. Characters of a text, or a number of lines."""

    words: int = 4_000  # of a prompt or a message of the user's
    all_words: int = 16_000
    excerpt: int = 500  # of an answer, a message, a report
    line: int = 160  # of a command, a task
    talk: int = 80
    paths: int = 100
    lines: int = 50  # of each other list

    def smaller(self) -> "_Bounds":
        """Half of everything."""
        return _Bounds(
            self.words // 2 + 50,
            self.all_words // 2 + 50,
            self.excerpt // 2 + 20,
            self.line // 2 + 20,
            self.talk // 2 + 2,
            self.paths // 2 + 2,
            self.lines // 2 + 2,
        )


def told(
    ledger: Ledger, report: str, *, by: By, author: AgentId | None, folder: str, agent: Agent | None = None,
    by_hand: bool = False, room: int = LEDGER_CHARS,
) -> str:  # fmt: skip
    """The text that the past self gets with a report.

    `author` is the agent that the abandoned stretch has become; `folder` the past self's own files, as it can open them;
    `agent` its line 1, if that was cut away with the past of a fork; `by_hand` that the user wrote the report; `room` the
    characters that the ledger may take.
    """
    facts = _facts(ledger.stretch)
    back = _BACK[by].format(to=ledger.to)
    happened = _HAPPENED.format(facts=facts, author=_author(author, by_hand=by_hand), folder=folder, to=ledger.to)
    notice = f"<notice>{_identity(agent)}{back} {happened}</notice>"
    text = _cut(report, REPORT_CHARS, f"the rest of it: {folder}/transcript.md")
    own = f"{_report_tag(author, ledger.stretch, by_hand=by_hand)}\n{quoted(text)}\n</report>"
    return "\n".join([notice, *_earlier(ledger.earlier, folder), own, ledger_told(ledger, folder, room)])


def notice_told(ledger: Ledger, *, folder: str) -> str:
    """The text that the past self gets when the user took only the conversation back; empty if there is nothing to say.

    Files that stayed as they are, what runs on: what it could not know and would stumble over.
    """
    world = ledger.world
    lines = [line for line in _files(ledger, _Bounds(paths=30)) if line]
    if world.jobs:
        lines.append(
            "Still running in the background: " + ", ".join(f"{job} ({_line(c, 80)})" for job, c in _jobs(ledger))
        )
    working = [name for name in ledger.agents if name.agent in world.running]
    if working:
        lines.append("Agents still at work: " + ", ".join(f"{a.agent} ({_line(a.task, 80)})" for a in working))
    if not lines:
        return ""
    where = f"What was said after it is in {folder}/transcript.md; the user does not want it followed."
    return (
        "\n".join([f"<notice>The user took the conversation back to checkpoint {ledger.to}. {where}", *lines])
        + "</notice>"
    )


def cut_told(
    ledger: Ledger, *, folder: str, prompt: str, agent: Agent | None = None, room: int = LEDGER_CHARS
) -> str:  # fmt: skip
    """The text that stands in place of a context that was dropped without a report. `prompt` is the original's path."""
    notice = _CUT.format(facts=_facts(ledger.stretch), prompt=prompt, folder=folder)
    reports = _earlier(ledger.earlier, folder)
    return "\n".join([f"<notice>{_identity(agent)}{notice}</notice>", *reports, ledger_told(ledger, folder, room)])


def ledger_told(ledger: Ledger, folder: str, room: int = LEDGER_CHARS) -> str:
    """The ledger's element, in about `room` characters at most."""
    room, bounds = max(room, LEAST_CHARS), _Bounds()
    text = _element(ledger, folder, bounds)
    for _ in range(8):
        if len(text) <= room:
            break
        bounds = bounds.smaller()
        text = _element(ledger, folder, bounds)
    return text


def _element(ledger: Ledger, folder: str, bounds: _Bounds) -> str:
    lines = [
        *_files(ledger, bounds),
        *_talk(ledger.talk, bounds),
        *_listed("Commands that ran, the newest last:", ledger.commands, _ran, bounds),
        *_jobs_told(ledger, bounds),
        *_listed("Read, and no longer in your context:", ledger.reads, _seen, bounds),
        *_listed("Agents started:", ledger.agents, lambda a, b: _started(a, ledger, b), bounds),
        *_listed("Messages:", ledger.messages, _sent, bounds),
        *_listed("Permissions that the user was asked for:", ledger.approvals, _asked, bounds),
        *_changes(ledger),
    ]
    body = "\n".join(lines) or "Nothing but model calls is on record."
    more = f"\nAll of it: {folder}/transcript.md" if any(_LEFT in line for line in lines) else ""
    return f'<ledger since="{ledger.to}">\n{body}{more}\n</ledger>'


# --- parts of a ledger ------------------------------------------------------------------------------------------------

_LEFT = "left out"


def _files(ledger: Ledger, bounds: _Bounds) -> list[str]:
    world = ledger.world
    since = f"since checkpoint {ledger.to}"
    lines = []
    if world.changed is None:
        if ledger.wrote:
            names = _paths(ledger.wrote, bounds)
            lines.append(
                f"Files that `write`, `edit` and merges changed {since} (no snapshot tells of others): {names}"
            )
    elif kept := [path for path in world.changed if path not in {*world.left, *world.restored}]:
        lines.append(f"Files that changed {since} and stay as they are now: {_paths(kept, bounds)}")
    if world.restored:
        lines.append(f"Files put back to what they were at checkpoint {ledger.to}: {_paths(world.restored, bounds)}")
    if world.left:
        names = _paths(world.left, bounds)
        lines.append(f"Files not put back, since somebody else has changed them too: {names}")
    return lines


def _talk(talk: Sequence[Talk], bounds: _Bounds) -> list[str]:
    """The user's words verbatim, the newest first in line for the room; of what they were told an excerpt."""
    if not talk:
        return []
    left, told = bounds.all_words, []
    for said in reversed(talk[-bounds.talk :]):
        most = min(bounds.words, max(left, bounds.excerpt)) if said.by_user else bounds.excerpt
        text = _said(said, most)
        left -= len(text) if said.by_user else 0
        told.append(text)
    return [
        "What the user said, word for word, and what they were told:",
        *_omitted(len(talk) - len(told)),
        *told[::-1],
    ]


_WHO = {
    "prompt": "the user: ",
    "message": "the user, while you worked: ",
    "reply": "the user answered: ",
    "ran": "the user ran: `",
    "stopped": "the user stopped you here",
    "answered": "you answered: ",
    "told": "you told them: ",
    "asked": "you asked them: ",
}


def _said(said: Talk, most: int) -> str:
    text = said.text.splitlines()[0][: most * 2] if said.what == "ran" and said.text.strip() else said.text
    files = f"\n(all of it: {', '.join(map(_name, said.files))})" if said.files else ""
    return f"- {_WHO[said.what]}{_indented(_cut(text.strip(), most) + files)}"


def _ran(ran: Ran, bounds: _Bounds) -> str:
    ending = _line(ran.ending, bounds.line) if ran.exit_code is None or ran.ending else ""
    code = f"exit {ran.exit_code}" if ran.exit_code is not None else ""
    facts = ", ".join(part for part in (code, ending, f"{ran.times} times" if ran.times > 1 else "") if part)
    return f"- `{_line(ran.command, bounds.line)}` · {facts or 'how it ended is not known'}"


def _jobs(ledger: Ledger) -> list[tuple[str, str]]:
    return sorted(ledger.world.jobs.items())


def _jobs_told(ledger: Ledger, bounds: _Bounds) -> list[str]:
    lines = []
    for job, command in _jobs(ledger):
        output = ledger.outputs.get(job)
        where = f"; its output: {_name(output)}" if output else ""
        lines.append(f"- {_line(job, 20)}: `{_line(command, bounds.line)}`{where}")
    return ["Background jobs that still run:", *lines] if lines else []


def _seen(seen: Seen, bounds: _Bounds) -> str:
    shown = ", ".join(f"{first}-{last}" for first, last in seen.lines[-8:])
    return f"- {_name(seen.path)}{' lines ' + shown if shown else ''}"


def _started(started: Started, ledger: Ledger, bounds: _Bounds) -> str:
    name, task = _line(started.agent, 20), _line(started.task, bounds.line)
    lines = [f"- {name}: {task}" if task else f"- {name}, started before"]
    if started.report is not None:
        report = started.report
        lines.append(f"{report.status}, {report.steps} steps; report: {_cut(report.text.strip(), bounds.excerpt)}")
    elif started.agent in ledger.world.running:
        lines.append("still at work; its report reaches you as a message")
    else:
        lines.append("no report of it is on record")
    if started.merge is not None:
        lines.append(f"its files: {files_of(started.merge)}")
    return _indented("\n".join(lines))


def _sent(sent: Sent, bounds: _Bounds) -> str:
    way = f"from {_line(sent.sender, 40)}" if sent.sender else f"to {_line(sent.receiver, 40)}"
    answer = f"\nanswer: {_cut(sent.answer.strip(), bounds.excerpt)}" if sent.answer else ""
    return f"- {way}: {_indented(_cut(sent.text.strip(), bounds.excerpt) + answer)}"


def _asked(approval: Approval, bounds: _Bounds) -> str:
    answer = {"once": "allowed once", "always": "allowed always", "no": "refused"}[approval.answer]
    return f"- {approval.what}: `{_line(approval.command, bounds.line)}` · {answer}"


def _changes(ledger: Ledger) -> list[str]:
    lines = []
    if ledger.model is not None:
        effort = f", effort {_line(ledger.model.effort, 40)}" if ledger.model.effort else ""
        lines.append(f"The model is {_line(ledger.model.model, 80)}{effort} now.")
    if ledger.access is not None:
        lines.append(f"Access is {access_told(ledger.access.access, net=ledger.access.net)} now.")
    return lines


# --- reports ----------------------------------------------------------------------------------------------------------


def _earlier(reports: Sequence[Earlier], folder: str) -> list[str]:
    """Reports of earlier stretches, oldest first; the newest are told whole as long as there is room."""
    left, told = EARLIER_CHARS, []
    for earlier in reversed(reports):
        text = _cut(earlier.report, max(left, LEAST_CHARS), f"the rest of it: {folder}/transcript.md")
        left -= len(text)
        told.append(f"{_report_tag(earlier.author, earlier.stretch)}\n{quoted(text)}\n</report>")
        if left <= 0:
            break
    if len(told) < len(reports):
        told.append(f"<notice>{len(reports) - len(told)} older reports are in {folder}/transcript.md.</notice>")
    return told[::-1]


def _report_tag(author: AgentId | None, stretch: Stretch, *, by_hand: bool = False) -> str:
    who = "user" if by_hand else author or "you"
    return f'<report from="{_line(who, 40)}" entries="{stretch.first}-{stretch.last}" status="{_facts(stretch)}">'


def _facts(stretch: Stretch) -> str:
    cost = f", ${stretch.cost_usd:.4f}" if stretch.cost_usd is not None else ""
    return f"{stretch.steps} step{'' if stretch.steps == 1 else 's'}, {stretch.tokens:,} tokens{cost}"


def _author(author: AgentId | None, *, by_hand: bool) -> str:
    wrote = "The user wrote the report." if by_hand else "You wrote the report at its end."
    lives = f" Who you were then lives on as agent {author}, and knows all of it." if author else ""
    return wrote + lives


def _identity(agent: Agent | None) -> str:
    """Who a fork is, and what for: its context may no longer say so."""
    if agent is None or agent.kind not in {"fork", "spawn"}:
        return ""
    return f"You are {agent.agent}, a {agent.kind} of {agent.parent}. Your task:\n{quoted(agent.task)}\n"


# --- texts ------------------------------------------------------------------------------------------------------------


def _listed(head: str, items: Sequence[T], told: Callable[[T, _Bounds], str], bounds: _Bounds) -> list[str]:
    if not items:
        return []
    shown = items[-bounds.lines :]
    return [head, *_omitted(len(items) - len(shown)), *(told(item, bounds) for item in shown)]


def _omitted(count: int) -> list[str]:
    return [f"- [{count} older ones {_LEFT}]"] if count else []


def _paths(paths: Iterable[str], bounds: _Bounds) -> str:
    names = list(paths)
    more = f" [and {len(names) - bounds.paths} more, {_LEFT}]" if len(names) > bounds.paths else ""
    return " ".join(map(_name, names[: bounds.paths])) + more


def _name(path: str) -> str:
    """A path in running text."""
    plain = path.isprintable() and not any(char in path for char in " `\"'")
    return quoted(path if plain and path else repr(path))[:400]


def _line(text: str, most: int) -> str:
    """The text's beginning, on one line."""
    words = " ".join(text[: most * 4].split())
    words = "".join(char if char.isprintable() else "?" for char in words)
    return quoted(words if len(words) <= most and len(text) <= most * 4 else words[:most] + "…")


def _indented(text: str) -> str:
    """The text with all lines but the first one set in, whatever ends them."""
    return "\n  ".join(quoted(text).splitlines())


def _cut(text: str, most: int, note: str = "") -> str:
    """The text whole, or its beginning and its end."""
    if len(text) <= most:
        return text
    tail = most // 4
    gap = f"[… {len(text) - most:,} characters {_LEFT}{'; ' + note if note else ''} …]"
    return f"{text[: most - tail]}\n{gap}\n{text[-tail:] if tail else ''}"

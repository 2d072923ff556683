"""The lines of a ledger, as a past self reads them. Pure, and the same bytes each time.

Whatever came from a model, a tool, a file or a person is quoted, and a text of several lines is set in: nothing in it
can pass for a line of the ledger. Everything is bounded; what is left out is said, and where it lies.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TypeVar

from forkcli.core.entries import Approval
from forkcli.core.ledger import Ledger
from forkcli.core.ledger_parts import Ran, Seen, Sent, Started, Talk
from forkcli.core.messages import quoted
from forkcli.core.reports import files_of

LEDGER_CHARS = 40_000  # of a ledger, if nothing else is said
NAME_CHARS = 300  # of a path
BEYOND = 10  # things named that no snapshot holds

_LEFT = "left out"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of each part of a ledger is told: characters of a text, or a number of lines."""

    words: int = 4_000  # of a prompt or a message of the user's
    all_words: int = 16_000
    excerpt: int = 500  # of an answer, a message, a report
    line: int = 160  # of a command, a task
    said: int = 100  # of a command's last line
    talk: int = 80
    paths: int = 100
    lines: int = 50  # of each other list

    def smaller(self) -> "Bounds":
        """Less of everything, down to a few lines and words."""
        return Bounds(*(bound * 3 // 4 + 1 for bound in astuple(self)))


def ledger_told(ledger: Ledger, folder: str, room: int = LEDGER_CHARS) -> str:
    """The ledger's element, in `room` characters or the least that it can do with (about 3,000).

    `folder` is where the agent's transcript is, which has what is left out.
    """
    bounds = Bounds()
    text = _element(ledger, folder, bounds)
    while len(text) > room and bounds != bounds.smaller():
        bounds = bounds.smaller()
        text = _element(ledger, folder, bounds)
    return text


def _element(ledger: Ledger, folder: str, bounds: Bounds) -> str:
    def started(one: Started) -> str:
        return _started(one, bounds, working=one.agent in ledger.world.running)

    ran = [one for one in ledger.commands if one.job not in ledger.world.jobs]
    lines = [
        *files_lines(ledger, bounds.paths),
        *_talk(ledger.talk, bounds),
        *_listed("Commands that ran, the newest last:", ran, lambda one: _ran(one, bounds), bounds),
        *jobs_lines(ledger, bounds.lines),
        *_listed("Read, and no longer in your context:", ledger.reads, _seen, bounds),
        *_listed("Agents that you started:", ledger.agents, started, bounds),
        *_listed("Messages between agents:", ledger.messages, lambda one: _sent(one, bounds), bounds),
        *_listed("Permissions that the user was asked for:", ledger.approvals, lambda one: _asked(one, bounds), bounds),
        *_model(ledger),
    ]
    body = "\n".join(lines) or "Nothing but answers of the model is on record."
    more = f"\nWhat is {_LEFT} here is in {folder}/transcript.md." if f" {_LEFT}" in body else ""
    return f'<ledger since="{ledger.to}">\n{body}{more}\n</ledger>'


# --- parts ------------------------------------------------------------------------------------------------------------


def files_lines(ledger: Ledger, most: int, *, restored: bool = True) -> list[str]:
    """What became of the files, at most so many paths each; `restored`: tell also which are as they were."""
    world = ledger.world
    known = {*world.left, *world.restored}
    lines = [
        ("Files that changed since then and stay as they are now", [p for p in world.changed or () if p not in known]),
        ("Files put back to what they were", [p for p in world.restored if p not in world.removed] if restored else ()),
        ("Files removed again, since they were not there then", world.removed if restored else ()),
        ("Files not put back, since somebody else has changed them meanwhile", world.left),
    ]
    if world.changed is None:
        told = "Files that `write`, `edit` and merges changed since then (what commands changed is not known)"
        lines[0] = (told, [path for path in ledger.wrote if path not in known])
    became = [f"{head}: {_paths(paths, most)}" for head, paths in lines if paths]
    if world.beyond and restored:
        named = "; ".join(on_a_line(one, 160) for one in world.beyond[:BEYOND])
        more = f" [{len(world.beyond) - BEYOND} more {_LEFT}]" if len(world.beyond) > BEYOND else ""
        became.append(f"Not put back, since no snapshot holds it: {named}{more}")
    return became


def _talk(talk: Sequence[Talk], bounds: Bounds) -> list[str]:
    """The user's words, of which the newest are the first to be told whole; of what they were told an excerpt."""
    if not talk:
        return []
    left, told = bounds.all_words, []
    for said in reversed(talk[-bounds.talk :]):
        most = min(bounds.words, max(left, bounds.excerpt)) if said.by_user else bounds.excerpt
        left -= min(len(said.text), most) if said.by_user else 0
        told.append(_said(said, most))
    head = "What the user said, word for word, and what they were told:"
    return [head, *_omitted(len(talk) - len(told)), *reversed(told)]


_WHO = {
    "prompt": "the user: ",
    "message": "the user, while you worked: ",
    "reply": "the user answered: ",
    "ran": "the user ran `",
    "stopped": "the user stopped you here",
    "answered": "you answered: ",
    "told": "you told them: ",
    "asked": "you asked them: ",
}


def _said(said: Talk, most: int) -> str:
    text = on_a_line(said.text, most) if said.what == "ran" else _set_in(cut(said.text.strip(), most))
    files = f"\n  (all of it: {' '.join(map(_name, said.files))})" if said.files else ""
    return f"- {_WHO[said.what]}{text}{files}"


def _ran(ran: Ran, bounds: Bounds) -> str:
    code = f"exit {ran.exit_code}" if ran.exit_code is not None else ""
    often = f"{ran.times} times" if ran.times > 1 else ""
    facts = ", ".join(part for part in (code, on_a_line(ran.ending, bounds.line), often) if part)
    said = f"; last line: {on_a_line(ran.said, bounds.said)}" if ran.said else ""
    return f"- `{on_a_line(ran.command, bounds.line)}`: {facts or 'how it ended is not known'}{said}"


def jobs_lines(ledger: Ledger, most: int = 50) -> list[str]:
    """The background jobs that are alive."""

    def told(job: tuple[str, str]) -> str:
        output = ledger.outputs.get(job[0])
        return f"- {on_a_line(job[0], 20)}: `{on_a_line(job[1], 160)}`" + (
            f"; output: {_name(output)}" if output else ""
        )

    return _listed("Background jobs that still run:", sorted(ledger.world.jobs.items()), told, Bounds(lines=most))


def _seen(seen: Seen) -> str:
    shown = ", ".join(f"{first}-{last}" for first, last in seen.lines[:8])
    more = ", …" if len(seen.lines) > 8 else ""
    return f"- {_name(seen.path)}{f', lines {shown}' if shown else ''}{more}"


def _started(started: Started, bounds: Bounds, *, working: bool) -> str:
    lines = [on_a_line(started.task, bounds.line) or "(started before)"]
    if started.report is not None:
        report = started.report
        steps = f"{report.steps} step{'' if report.steps == 1 else 's'}"
        lines.append(f"{report.status}, {steps}, reported: {cut(report.text.strip(), bounds.excerpt)}")
    else:
        lines.append("still at work" if working else "no report of it is on record")
    if started.merge is not None:
        lines.append(f"its files: {files_of(started.merge)}")
    return f"- {on_a_line(started.agent, 40)}: {_set_in(chr(10).join(lines))}"


def _sent(sent: Sent, bounds: Bounds) -> str:
    way = f"from {on_a_line(sent.sender, 40)}" if sent.sender else f"to {on_a_line(sent.receiver, 40)}"
    answer = f"\nanswered: {cut(sent.answer.strip(), bounds.excerpt)}" if sent.answer else ""
    return f"- {way}: {_set_in(cut(sent.text.strip(), bounds.excerpt) + answer)}"


def _asked(approval: Approval, bounds: Bounds) -> str:
    answer = {"once": "allowed once", "always": "allowed always", "no": "refused"}[approval.answer]
    return f"- {on_a_line(approval.what, 20)}: `{on_a_line(approval.command, bounds.line)}`: {answer}"


def _model(ledger: Ledger) -> list[str]:
    if ledger.model is None:
        return []
    effort = f", effort {on_a_line(ledger.model.effort, 40)}" if ledger.model.effort else ""
    return [f"The model is {on_a_line(ledger.model.model, 80)}{effort} from now on."]


# --- texts ------------------------------------------------------------------------------------------------------------


def _listed(head: str, items: Sequence[T], told: Callable[[T], str], bounds: Bounds) -> list[str]:
    """The newest items under their heading."""
    if not items:
        return []
    shown = items[-bounds.lines :]
    return [head, *_omitted(len(items) - len(shown)), *map(told, shown)]


def _omitted(count: int) -> list[str]:
    return [f"- [{count} older {_LEFT}]"] if count else []


def _paths(paths: Iterable[str], most: int) -> str:
    names = list(paths)
    more = f" [{len(names) - most} more {_LEFT}]" if len(names) > most else ""
    return " ".join(map(_name, names[:most])) + more


def _name(path: str) -> str:
    """A path in running text, as Python writes it where it holds blanks, quotes or what cannot be seen."""
    plain = path and path.isprintable() and not any(char in " `\"'" for char in path)
    name = quoted(path if plain else repr(path))
    return name if len(name) <= NAME_CHARS else name[:NAME_CHARS] + "…"


def on_a_line(text: str, most: int) -> str:
    """The beginning of a text, on one line, quoted."""
    words = "".join(char if char.isprintable() else "?" for char in " ".join(text[: 4 * most].split()))
    return quoted(words if len(words) <= most and len(text) <= 4 * most else words[:most] + "…")


def _set_in(text: str) -> str:
    """The text, quoted, all its lines but the first one set in."""
    return "\n  ".join(quoted(text).splitlines())


def cut(text: str, most: int, note: str = "") -> str:
    """The text whole, or its beginning and its end."""
    if len(text) <= most:
        return text
    tail = most // 4
    gap = f"[… {len(text) - most:,} characters {_LEFT}{note} …]"
    return f"{text[: most - tail]}\n{gap}\n{text[len(text) - tail :]}"

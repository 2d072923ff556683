"""What an agent's history says of its family, its own past self included: who was sent off, and what came back."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.core import entries as e
from forkcli.ui.excerpt import Excerpt
from forkcli.ui.figures import count, dollars, share
from forkcli.ui.fold import hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, WARN, Look
from forkcli.ui.rewound import rewound_item
from forkcli.ui.sanitize import first_line, one_line

SHOWN_REPORT = 8  # rows of a report
SHOWN_PATHS = 8
SHOWN_NAMES = 4

_ASKS: dict[e.Interview, str] = {
    "fork": "a fork answers its questions",
    "self": "the agent answers its questions",
    "user": "you answer its questions",
    "none": "no questions",
}


def family_item(body: e.Order | e.Report | e.Merge | e.Rewind, look: Look) -> Item | None:
    """How such an entry is shown."""
    match body:
        case e.Fork():
            return forked(body, look)
        case e.Spawn():
            return spawned(body, look)
        case e.Report():
            return reported(body, look)
        case e.Merge():
            return merged(body, look)
        case e.Rewind():
            return rewound_item(body, look)


def forked(fork: e.Fork, look: Look) -> Item:
    """The order: a line for each fork with its task."""
    where = "" if fork.wait else ", in the background"
    head = Text.assemble((f"{look.agent} ", GOOD), ("forked", STRONG), (f" at entry {fork.from_seq}{where}", FAINT))
    return Item(Group(hang("", head), *_tasks(fork)))


def spawned(spawn: e.Spawn, look: Look) -> Item:
    """The order: who is onboarded, who answers, and a line for each task."""
    facts = [f"{one_line(spawn.onboarded, 12)} is onboarded first"] if spawn.onboarded else []
    facts += [_ASKS[spawn.interview]] + ([f"model {one_line(spawn.model, 80)}"] if spawn.model else [])
    facts += [] if spawn.wait else ["in the background"]
    head = Text.assemble((f"{look.agent} ", GOOD), ("spawned", STRONG), (f" ({', '.join(facts)})", FAINT))
    brief = first_line(spawn.brief)
    told = [hang("  ", Text.assemble(("brief: ", FAINT), brief))] if brief else []
    return Item(Group(hang("", head), *told, *_tasks(spawn)))


def _tasks(order: e.Order) -> list[RenderableType]:
    rows: list[RenderableType] = []
    for child in order.children:
        bounds: list[str] = [child.access] if child.access != "write" else []
        bounds += [count(child.max_steps, "step")] if child.max_steps else []
        more = f" ({', '.join(bounds)})" if bounds else ""
        agent = Text(f"  {one_line(child.agent, 12)} ", STRONG)
        rows.append(hang(agent, Text.assemble(first_line(child.task), (more, FAINT))))
    return rows


def awaited(children: Sequence[str]) -> str:
    """What an agent does that waits for these."""
    names = ", ".join(one_line(name, 12) for name in children[:SHOWN_NAMES])
    more = len(children) - SHOWN_NAMES
    return f"waiting for {names}" + (f" and {more} more" if more > 0 else "")


def reported(report: e.Report, look: Look) -> Item:
    """A report: how the fork ended, what it took, and the first lines of what it says."""
    good = report.status == "done"
    facts = [report.status, count(report.steps, "step")]
    if report.cost_usd:
        facts.append(dollars(report.cost_usd))
    if report.first_cache_share is not None:
        facts.append(f"{share(report.first_cache_share)} cached at first")
    sign = Text(f"{look.good if good else look.bad} ", GOOD if good else BAD)
    head = Text.assemble((one_line(report.agent, 12), STRONG), (f" {look.sep.join(facts)}", FAINT if good else BAD))
    return Item(Group(hang(sign, head), Excerpt(report.text, SHOWN_REPORT, look)))


def merged(merge: e.Merge, look: Look) -> Item | None:
    """What became of a fork's files; nothing is said where it changed none."""
    if merge.outcome == "nothing":
        return None
    paths = ", ".join(one_line(path, 80) for path in merge.paths[:SHOWN_PATHS])
    if len(merge.paths) > SHOWN_PATHS:
        paths += f" and {len(merge.paths) - SHOWN_PATHS} more"
    agent = one_line(merge.agent, 12)
    match merge.outcome:
        case "merged":
            return Item(hang(Text(f"{look.good} ", GOOD), f"files of {agent} merged: {paths}"), dense=True)
        case "conflict":
            where = f"nothing of it was written; the versions lie in {one_line(merge.where, 200)}"
            words = f"files of {agent} in conflict: {paths}; {where}"
            return Item(hang(Text(f"{look.warn} ", WARN), words), dense=True)
        case _:
            return Item(
                hang(Text(f"{look.dot} ", FAINT), f"files of {agent} are kept with it: /merge {agent}"), dense=True
            )

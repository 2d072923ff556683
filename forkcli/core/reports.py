"""How the reports of children are worded for their parent: as the result of its call, or as a message. Pure."""

from collections.abc import Mapping

from forkcli.core.entries import Merge, Order, Report, Spawn
from forkcli.core.ids import AgentId
from forkcli.core.messages import quoted

NOT_ENDED = "(it had not ended when this call was stopped)"
SHOWN = 50  # paths that a report names


def gathered(order: Order, reports: Mapping[AgentId, Report], merges: Mapping[AgentId, Merge]) -> str:
    """The result of a call of `fork` or `spawn`: every child's report, in the order of the tasks."""
    told = (reports.get(child.agent) or Report(child.agent, "stopped", NOT_ENDED) for child in order.children)
    lines = [_one(report, merges.get(report.agent)) for report in told]
    lines += [f"[{way}]" for child in order.children if (way := settling(merges.get(child.agent)))]
    onboarded = reports.get(order.onboarded) if isinstance(order, Spawn) and order.onboarded else None
    if onboarded is not None:
        lines.insert(0, f"[{onboarded.agent} was onboarded for them: {facts_of(onboarded)}]")
    return "\n".join(lines)


def message_of(report: Report, merge: Merge | None) -> str:
    """The text of the message by which the report of a fork in the background reaches its parent; not yet quoted."""
    files = f"; files {files_of(merge)}" if merge else ""
    settled = settling(merge)
    return f"[{facts_of(report)}{files}{'. ' if settled else ''}{settled}]\n{report.text}"


def facts_of(report: Report) -> str:
    """How it ended and what it took, in one line."""
    facts = [
        "stopped by the user" if report.status == "stopped" else report.status,
        f"{report.steps} step{'' if report.steps == 1 else 's'}",
        f"{report.usage.prompt_tokens + report.usage.output_tokens:,} tokens",
    ]
    if report.cost_usd is not None:
        facts.append(f"${report.cost_usd:.4f}")
    if report.first_cache_share is not None:
        facts.append(f"{report.first_cache_share:.1%} of its first request from the cache")
    return ", ".join(facts)


def files_of(merge: Merge) -> str:
    """What became of a child's files, in words."""
    more = f" and {len(merge.paths) - SHOWN} more" if len(merge.paths) > SHOWN else ""
    paths = " ".join(_path(path) for path in merge.paths[:SHOWN]) + more
    match merge.outcome:
        case "merged":
            return f"merged: {paths}"
        case "conflict":
            return f"conflict: {paths}; nothing of it was merged; the versions lie in {_path(merge.where)}"
        case "kept":
            return "kept with it, not merged"
        case _:
            return "none changed"


def settling(merge: Merge | None) -> str:
    """How a conflict is settled, in a sentence; empty where there is none."""
    if merge is None or merge.outcome != "conflict":
        return ""
    where = _path(merge.where)
    return (
        f"To settle it: copy {merge.agent}'s versions ({where}/{merge.agent}) over yours, `merge` {merge.agent}, then "
        f"work your own changes back in ({where}/here)"
    )


def _path(path: str) -> str:
    """A path as it may stand inside an attribute of a tag."""
    return quoted("".join(c if c.isprintable() and c != '"' else "?" for c in path))


def _one(report: Report, merge: Merge | None) -> str:
    files = f' files="{files_of(merge)}"' if merge else ""
    return f'<report from="{report.agent}" status="{facts_of(report)}"{files}>\n{quoted(report.text)}\n</report>'

"""How the files of a child come into its parent's: once each, and never at the cost of a sibling's."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

from forkcli.core.entries import Merge, Order, Report
from forkcli.core.events import Warned
from forkcli.core.ids import AgentId
from forkcli.engine.agent import Agent
from forkcli.engine.brood import Nursery
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind


async def bring(nursery: Nursery, parent: Agent, rig: Rig, order: Order, report: Report) -> None:
    """Merge what one child changed, once. A failure costs the others nothing.

    Half-done work stays with it, and so does that of a child whose report does not come here.
    """
    if report.agent in parent.history.merges or not report.tree:
        return
    untouched = report.tree == parent.history.trees.get(order.from_seq)
    merge: Merge | None = Merge(report.agent, "nothing" if untouched else "kept")
    if report.status in {"done", "limit"} and report.agent in parent.history.head.awaits:
        try:
            merge = await nursery.merge(parent, rig, order, report)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            parent.emit(Warned(parent.id, f"the files of {report.agent} were not merged: {error.sentence}"))
    if merge is not None:
        parent.record(merge)


async def bring_kept(nursery: Nursery, parent: Agent, rig: Rig, name: str, tree: str = "") -> Merge:
    """Bring the files of a child that kept them (or was in conflict) into its parent's. Raises ForkError.

    `tree` is a snapshot of them as they are now, where the child has gone on since its report.
    """
    history = parent.history
    child = AgentId(name)
    order, report = history.forks.get(child), history.reports.get(child)
    if order is None:
        raise ForkError(f"{parent.id} has no child {name!r}", f"its children: {', '.join(history.forks) or 'none'}")
    if report is None:
        raise ForkError(f"{name} has not ended yet", "its files can be merged when it has reported")
    before = history.merges.get(child)
    if before is not None and before.outcome == "merged":
        raise ForkError(f"the files of {name} were merged already")
    report = replace(report, tree=tree or report.tree)
    if not report.tree:
        raise ForkError(f"{name} has no files of its own")
    merge = await nursery.bring(parent, rig, order, report)
    parent.record(merge)
    return merge


async def whole(work: Coroutine[None, None, None]) -> None:
    """Carry out work that a stop must not cut: it ends, then the stop goes on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

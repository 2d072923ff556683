"""Children at work when the user goes back: left to themselves, stopped or adopted, and what an undo brings."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from fork_kit import Den, answers, block_text, blocks, den, newest, reports, until, whose

from forkcli.app.wayback import Wayback
from forkcli.core.decide import is_unfinished
from forkcli.core.entries import Merge, Report
from forkcli.core.messages import Json
from forkcli.engine.ports import ForkOrder, Task
from forkcli.models.scripted import Reply, call, reply
from forkcli.ui.rewindable import Children, RewindOrder

SAID = "It was the rounding."
CHANGE = call("bash", command="echo x > made.txt")


@dataclass
class Family:
    """Two prompts were answered; f1, a fork of the user's, works since the second one, until it is let free."""

    home: Den
    free: Event

    @property
    def way(self) -> Wayback:
        assert self.home.session is not None
        return Wayback(self.home.session)

    async def back(self, children: Children) -> str:
        """Go back to before the second prompt."""
        row = next(row for row in self.way.rows() if row.preview == "second" and not row.undo)
        return (await self.way.rewind(RewindOrder(row.to, "conversation", children=children))).note

    async def undo(self) -> str:
        row = [row for row in self.way.rows() if row.undo][-1]
        return (await self.way.rewind(RewindOrder(row.to, "conversation"))).note

    async def ended(self) -> None:
        self.free.set()
        await until(lambda: self.home.bodies("main", Report) and not self.way.session.fleet.members)

    async def told(self) -> int:
        """How often the context holds the report when the next prompt is answered."""
        await self.home.turn("and now?")
        sent = self.home.requests("main")[-1].body["messages"]
        return sum(block_text(block).count(SAID) for message in sent for block in blocks(message))


def family(project: Path, story: Callable[[Family], Awaitable[None]]) -> None:
    free = Event()

    async def script(request: Json) -> Reply:
        if whose(request) == "main":
            return reply("Well.")
        while not free.is_set():
            await asyncio.sleep(0.01)
        return reply(SAID) if "made" in newest(request) or answers(request) > 2 else reply(CHANGE)

    async def run(home: Den) -> None:
        session = home.open()
        try:
            await home.turn("first")
            await home.turn("second")
            await session.fleet.order(session.agent, session.rig, None, ForkOrder((Task("look"),), wait=False))
            await until(lambda: home.requests("f1"))
            await story(Family(home, free))
        finally:
            free.set()
            await home.close()

    with den(project, script) as home:
        asyncio.run(run(home))
        home.sound()


def test_who_was_left_at_work_reports_to_the_self_that_an_undo_brings_back_and_to_nobody_else(project: Path) -> None:
    async def story(of: Family) -> None:
        assert [child.agent for child in (await of.way.plan(of.way.rows()[-1].to)).children] == ["f1"]
        await of.back("keep")
        await of.ended()
        assert await of.told() == 0
        assert [merge.outcome for merge in of.home.bodies("main", Merge)] == ["kept"]
        assert not (project / "made.txt").exists()
        assert (await of.undo()).endswith("Reports that have come for it meanwhile: f1.")
        assert not is_unfinished(of.way.session.agent.history)
        assert await of.told() == 1
        assert await of.told() == 1

    family(project, story)


def test_a_child_that_still_works_when_the_rewind_is_undone_reports_and_merges_as_if_nothing_had_been(
    project: Path,
) -> None:
    async def story(of: Family) -> None:
        await of.back("keep")
        assert (await of.way.plan(of.way.rows()[-1].to)).children == ()
        await of.undo()
        await of.ended()
        assert await of.told() == 1
        assert (project / "made.txt").exists()

    family(project, story)


def test_the_same_report_reaches_who_adopted_the_child_and_who_is_back(project: Path) -> None:
    async def story(of: Family) -> None:
        await of.back("adopt")
        await of.ended()
        assert await of.told() == 1
        assert (project / "made.txt").exists()
        await of.undo()
        assert await of.told() == 1

    family(project, story)


def test_whoever_is_stopped_reports_what_it_has_to_the_past_self(project: Path) -> None:
    async def story(of: Family) -> None:
        await of.back("stop")
        await of.ended()
        assert reports(of.home)["f1"].status == "stopped"
        assert (await of.home.turn("and now?")).status == "done"
        assert '<message from="f1">\n[stopped' in str(newest(of.home.requests("main")[-1].body))

    family(project, story)


def test_a_session_that_is_opened_again_after_the_undo_takes_the_child_up_where_it_was(project: Path) -> None:
    async def story(of: Family) -> None:
        await of.back("keep")
        await of.home.close()
        of.free.set()
        of.home.open(of.home.folder.name)
        assert (await of.home.turn("on")).status == "done"
        assert of.home.bodies("main", Report) == []
        await of.undo()
        assert await of.told() == 1
        assert await of.told() == 1

    family(project, story)

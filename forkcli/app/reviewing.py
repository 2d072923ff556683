"""Peer review of a turn that is done: a new agent that knows what was asked and what has changed, and not why.

The order to review is on record before the reviewer begins, and its report before its verdict counts: so a review that
a crash cut off is taken up again, and none is held twice.
"""

from dataclasses import dataclass

from forkcli.app.keeping import FilesKeeper
from forkcli.app.session import Session
from forkcli.core.check_entries import Checked
from forkcli.core.checking import Review, review_spent, round_told
from forkcli.core.entries import Assistant, Body, Interrupt, Report, Spawn
from forkcli.core.events import Warned
from forkcli.core.messages import text_of
from forkcli.core.reviewing import asked_of, clipped_diff, clipped_prompt, fenced, open_review, verdict
from forkcli.core.timeline import Timeline
from forkcli.engine.agent import Agent
from forkcli.engine.ports import SpawnOrder, Task
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind
from forkcli.prompts import filled
from forkcli.store.files import replace_file
from forkcli.workspace.git import diff as git_diff

BRIEF = "A piece of work is done, and you are to look at it with fresh eyes."
AGAIN = " It has been reviewed before, and what was found went back to its author: judge the whole as it stands now."
NO_FILES = "No file has changed. What {author} answered"
CHANGED = "What has changed"
WHICH = (
    "Your verdict on the work that you reviewed is read by a program, which cannot tell what it is. Does anything have "
    "to change before the work is done? Answer with one word: `findings` if so, `approve` if not."
)


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Holds the reviews of one session's turns."""

    session: Session

    async def hold(self, agent: Agent, rig: Rig, due: Review) -> None:
        """Have the work of `agent` reviewed and put the outcome on record. Raises ForkError where nobody can."""
        fleet = self.session.fleet
        order = open_review(agent.history)
        if order is None:
            task = await self._task(agent, rig, due)
            await fleet.spawn(agent, rig, None, SpawnOrder(BRIEF, (Task(task, "read"),), "none", merge="none"))
            order = open_review(agent.history)
        if order is None:
            raise ForkError("the reviewer could not be started")
        report = await self._report(agent, rig, order)
        agent.record(*_outcome(due, report, await self._approves(agent, report)))

    async def _approves(self, agent: Agent, report: Report) -> bool:
        """Whether the reviewer approves; where its words are not clear, a fork of it is asked. In doubt it does not."""
        said = verdict(report.text)
        if said != "unclear" or report.status != "done":
            return said == "approve" and report.status == "done"
        session = self.session
        try:
            async with session.fleet.places.lent(agent.id):
                _, answer = await session.answering.ask(report.agent, WHICH, asker=agent)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            agent.emit(Warned(agent.id, f"it is not clear whether {report.agent} approves, and {error.sentence}"))
            return False
        return verdict(answer) == "approve"

    async def _report(self, agent: Agent, rig: Rig, order: Spawn) -> Report:
        """The reviewer's report. Raises ForkError for one that has failed."""
        name = order.children[0].agent
        await self.session.fleet.finished(agent, rig, order)
        report = agent.history.reports.get(name)
        if report is None:
            raise ForkError(f"the reviewer {name} has not reported")
        if report.status in {"failed", "stopped"} or not report.text.strip():
            raise ForkError(f"the reviewer {name} {report.status}: {report.text.strip() or 'it said nothing'}")
        return report

    async def _task(self, agent: Agent, rig: Rig, due: Review) -> str:
        what, work = await self._work(agent, rig)
        prompt_file = self.session.prompt_file.relative_to(self.session.around.settings.project)
        return filled(
            "review",
            author=agent.id,
            perspective=f", above all for this ({due.perspective})" if due.perspective else "",
            before=AGAIN if due.round > 1 else "",
            prompt_file=str(prompt_file),
            asked=fenced(clipped_prompt(asked_of(agent.history))),
            what=what,
            work=fenced(work),
        )

    async def _work(self, agent: Agent, rig: Rig) -> tuple[str, str]:
        """What there is to review, by name and in full: what this session changed, or its answer if that is nothing."""
        diff = await self._diff(agent, rig)
        if diff.strip():
            where = agent.files.new_output("review", ".diff")
            if clipped_diff(diff, "") != diff:
                replace_file(where, [diff.encode("utf-8", "backslashreplace")])
            return CHANGED, clipped_diff(diff, rig.workspace.relative(str(where)))
        answers = [text_of(entry.body.content) for entry in agent.history.entries if isinstance(entry.body, Assistant)]
        return NO_FILES.format(author=agent.id), clipped_prompt(answers[-1] if answers else "")

    async def _diff(self, agent: Agent, rig: Rig) -> str:
        """What changed since this agent's first snapshot; where there are none, since the last commit."""
        merging = self.session.merging
        marks = Timeline.of(agent.history.entries).marks
        if not marks:
            return ""
        try:
            if isinstance(rig.keeper, FilesKeeper):
                await rig.keeper.rest()
            taken = await merging.take(agent.id, rig)
            return await merging.diff(marks[0].tree, taken.tree)
        except ForkError as error:
            agent.emit(Warned(agent.id, f"{error.sentence}: the reviewer sees what differs from the last commit"))
            return await git_diff(self.session.around.settings.project)


def _outcome(due: Review, report: Report, passed: bool) -> list[Body]:
    """What a review comes to in the author's history."""
    told = ""
    if not passed:
        told = filled("review_findings", round=round_told(due.round, due.rounds), findings=report.text.strip())
    checked = Checked("review", due.perspective, passed, due.round, due.rounds, told, sender=report.agent)
    if passed or due.round <= due.rounds:
        return [checked]
    sentence = f"{review_spent(due.rounds)}: the findings of {report.agent} are left (`fork show {report.agent}`)"
    return [checked, Interrupt("limit", sentence)]

"""Going back as a user of the agent in focus: `/rewind`, `/report`, `/compact` and the shell's verbs of these names.

Fills `ui.rewindable.Rewinder`. The agent must be idle: what runs is stopped first.
"""

from dataclasses import dataclass, replace

from forkcli.app.abandoning import Files
from forkcli.app.rewinding import Rewinding, Way, conflict
from forkcli.app.session import Session
from forkcli.commands.rewindable import rewind_rows
from forkcli.core.entries import Assistant, Prompt
from forkcli.core.file_plan import FilesPlan, Restored
from forkcli.core.ids import AgentId, Seq
from forkcli.core.rewinding import check_place, checkpoints, first_checkpoint, head_left, line
from forkcli.engine.agent import Agent, Stop
from forkcli.errors import ForkError, Kind
from forkcli.ui.rewindable import RewindOrder, RewindPlan, RewindRow, Rewound, RunningChild

MOST_DIGITS = 9
QUOTED = 60  # characters of a prompt that names a place


@dataclass(frozen=True, slots=True)
class Wayback:
    """The ways back of the agent in focus."""

    session: Session

    @property
    def _rewinding(self) -> Rewinding:
        return self.session.rewinding

    def rows(self) -> tuple[RewindRow, ...]:
        """Where one can go back to."""
        return rewind_rows(self.session.agent.history)

    def number(self, word: str) -> Seq:
        """The number that the user names. Raises ForkError."""
        if not (word.isascii() and word.isdigit()) or len(word) > MOST_DIGITS:
            near = ", ".join(map(str, checkpoints(self.session.agent.history)[-8:])) or "none"
            raise ForkError(f"{word!r} is no number of a checkpoint", f"checkpoints: {near}", kind=Kind.USAGE)
        return Seq(int(word))

    def place(self, word: str, *, before: bool = True) -> Seq:
        """The entry that the user names; of a prompt's own entry, the one before it. Raises ForkError.

        `before`: a prompt's checkpoint stands for the place before the prompt too, as it does on screen, where the
        prompt returns to the input line.
        """
        number = self.number(word)
        named = (row for row in self.rows() if number == row.prompt or (before and number == row.number))
        row = next(named, None)
        to = row.to if row is not None else number
        check_place(self.session.agent.history, to)
        return to

    # --- ui.rewindable.Rewinder -------------------------------------------------------------------------------------

    async def files(self, to: Seq) -> tuple[str, ...]:
        """Paths that differ now from what they were there."""
        session = self.session
        return await self._rewinding.files.changed_since(session.agent, session.rig, to)

    async def plan(self, to: Seq) -> RewindPlan:
        """What going back there would do."""
        session = self.session
        agent, history = session.agent, session.agent.history
        check_place(history, to)
        try:
            files = await self._rewinding.files.preview(agent, session.rig, to)
        except ForkError as error:
            files = FilesPlan(unknown=error.sentence)
        running = self._left_at_work(to)
        return RewindPlan(
            to,
            self._where(to),
            steps=sum(entry.seq > to for entry in line(history) if entry.seq in set(checkpoints(history))),
            files=files.changes,
            beyond=files.beyond,
            no_files=files.unknown,
            jobs=files.jobs,
            children=tuple(RunningChild(name, self._task(name)) for name in running),
        )

    async def rewind(self, order: RewindOrder) -> Rewound:
        """Go back as the user decided. Raises ForkError."""
        session = self.session
        agent, at = self._idle(), session.agent.history.entries[-1].seq
        check_place(agent.history, order.to)
        if order.what == "files":
            restored = await self._rewinding.files.restore(agent, session.rig, order.to, order.on_edit)
            if not restored.done:
                raise conflict(restored.conflicts)
            return Rewound(f"Files as they were at {order.to}: {_became(restored)}.", agent=agent.id)
        prompt, where = self._prompt_after(order.to), self._where(order.to)
        where = f"at {where}" if where == f"checkpoint {order.to}" else where
        running = self._left_at_work(order.to)
        if order.children == "stop":
            for name in running:
                session.fleet.stop(name, Stop("user"))
        way = Way(
            order.to,
            at,
            files="restore" if order.what == "both" else "keep",
            on_edit=order.on_edit,
            asks=False,
            let_go=tuple(running) if order.children == "keep" else (),
        )
        await self._rewinding.go(agent, session.rig, way)
        return self._rewound(where, prompt)

    # --- with a report ------------------------------------------------------------------------------------------------

    async def report(self, to: Seq, text: str, *, files: Files = "keep", focus: str = "", asks: bool = True) -> Rewound:
        """Go back to checkpoint `to` with a report: `text`, or what the abandoned self writes. Raises ForkError."""
        session = self.session
        agent, history, rig = self._idle(), session.agent.history, session.rig
        to = next((row.number for row in self.rows() if row.prompt == to), to)
        if to not in checkpoints(history):
            near = ", ".join(map(str, checkpoints(history)[-8:])) or "none"
            raise ForkError(f"{agent.id} has no checkpoint {to}", f"its checkpoints: {near}", kind=Kind.USAGE)
        at = history.entries[-1].seq
        if text.strip():
            way = Way(to, at, report=text.strip(), by_hand=True)
        else:
            written = await self._rewinding.abandoning.write_report(agent, rig, at, to, files, focus)
            if not written.text:
                raise written.error()
            way = Way(to, at, report=written.text, left=written.author)
        done = await self._rewinding.go(agent, rig, replace(way, files=files, asks=asks))
        return self._rewound(f"checkpoint {to}", "", done.abandoned)

    async def compact(self, focus: str) -> Rewound:
        """A report to the first prompt, which waits for the next prompt. Raises ForkError."""
        history = self._idle().history
        to = first_checkpoint(history)
        if to is None:
            raise ForkError("the context is empty, so there is nothing to compact", "it begins with your next prompt")
        if not any(isinstance(entry.body, Assistant) for entry in line(history) if entry.seq > to):
            raise ForkError(f"nothing was done since checkpoint {to}, so there is nothing to compact")
        return await self.report(to, "", focus=focus, asks=False)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _idle(self) -> Agent:
        agent = self.session.agent
        if agent.task is not None:
            raise ForkError(f"{agent.id} is at work", "stop it first (Esc), then go back")
        return agent

    def _rewound(self, where: str, prompt: str, left: AgentId | None = None) -> Rewound:
        restored = self._rewinding.outcome
        files = f" Files: {_became(restored)}." if restored is not None else ""
        left_alone = ", ".join(one.path for one in restored.kept) if restored is not None else ""
        kept = f" Kept as they are: {left_alone}." if left_alone else ""
        became = f" What came after it is {left} now." if left else ""
        agent = self.session.agent
        shown = tuple(line(agent.history)) or tuple(agent.history.entries)
        at_one = "at " if where.startswith("checkpoint ") else ""
        done = agent.history.rewinds[-1]
        came = ", ".join(message.sender for message in agent.history.reports_told(done.seq))
        reports = f" Reports that have come for it meanwhile: {came}." if came else ""
        return Rewound(
            f"Back {at_one}{where}.{files}{kept}{became}{reports}",
            head_left(agent.history, done),
            shown,
            agent.id,
            prompt,
        )

    def _prompt_after(self, to: Seq) -> str:
        """The text of the prompt that one lands before; empty where one lands elsewhere."""
        prompt = next((row.prompt for row in self.rows() if row.to == to and not row.undo), None)
        entries = (entry.body for entry in self.session.agent.history.entries.own if entry.seq == prompt)
        return next((body.text for body in entries if isinstance(body, Prompt)), "")

    def _where(self, to: Seq) -> str:
        """The place in words."""
        row = next((row for row in self.rows() if row.to == to), None)
        if row is not None and not row.undo:
            return f"before “{_cut(row.preview)}”"
        if row is not None or to not in checkpoints(self.session.agent.history):
            words = f" (“{_cut(row.preview)}”)" if row is not None and row.preview else ""
            return f"where you were at {to}{words}"
        return f"checkpoint {to}"

    def _left_at_work(self, to: Seq) -> list[AgentId]:
        """Children at work of the stretch that would be left; those that the past self has started itself stay its."""
        agent, history = self.session.agent, self.session.agent.history
        left = history.head.awaits - history.head_at(to).awaits
        return [name for name in self.session.fleet.running(agent) if name in left]

    def _task(self, name: AgentId) -> str:
        member = self.session.fleet.members.get(name)
        return member.child.task if member is not None else ""


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def _became(files: Restored) -> str:
    """What was done to files, in words."""
    back = len(files.restored) - len(files.removed)
    done = [f"{back} restored"] if back else []
    done += [f"{len(files.removed)} removed again"] if files.removed else []
    return ", ".join(done) or "none had to be changed"

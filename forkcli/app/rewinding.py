"""Takes agents back to earlier checkpoints: the model by its tool, the user by command, fork when a context is full.

The order is: files, then the agent that the stretch becomes, then the one entry that moves the head. What comes before
that entry is harmless if it is done twice, or for nothing: an agent that was made in vain is found again. Fills
`engine.rig.RewinderPort`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forkcli.app.abandoning import Abandoning
from forkcli.app.going_back import GoingBack
from forkcli.core.entries import Failure, Interrupt, Prompt, Rewind
from forkcli.core.events import Warned
from forkcli.core.file_plan import OnEdit, Restored, Unrestored
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.ledger import ledger
from forkcli.core.ledger_parts import World
from forkcli.core.ledger_text import LEDGER_CHARS
from forkcli.core.rewinding import check_own, first_checkpoint, report_places, unread_since
from forkcli.core.telling import cut_told, notice_told, room_in, told
from forkcli.engine.agent import Agent
from forkcli.engine.fleet import Fleet
from forkcli.engine.ports import RewindOrder
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind

SHOWN = 200  # paths that a rewind entry names
NAMED = 5


@dataclass(frozen=True, slots=True)
class Way:
    """Where an agent goes back to, and how. `at` is where it leaves from, `left` the agent that the stretch became."""

    to: Seq
    at: Seq
    by: Literal["user", "agent", "fork"] = "user"
    report: str = ""
    by_hand: bool = False  # the user wrote the report
    left: AgentId | None = None  # with a report, None: it is made
    files: Literal["keep", "restore"] = "keep"
    on_edit: OnEdit = "keep"
    call: CallId | None = None
    asks: bool = True
    let_go: tuple[AgentId, ...] = ()
    unread: str = ""  # what came after the report's author last answered


@dataclass(slots=True)
class Rewinding:
    """For all agents of one session."""

    abandoning: Abandoning
    files: GoingBack
    fleet: Fleet
    project: Path
    prompt_file: Path
    outcome: Restored | None = field(default=None)  # what became of the files at the newest rewind

    async def rewind(self, agent: Agent, rig: Rig, call: CallId, wanted: RewindOrder) -> None:
        """The model's own. Files that the user changed meanwhile are left as they are, and named."""
        to, at = Seq(wanted.to), agent.history.entries[-1].seq
        check_own(agent.history, to)
        await self.go(agent, rig, Way(to, at, "agent", wanted.report, files=wanted.files, call=call))

    async def make_room(self, agent: Agent, rig: Rig, *, cut: bool) -> None:
        """The agent's own report on the context that last fitted, then back to its first prompt; or a cut.

        Where the report fails for what another try may mend (the endpoint, a limit), the turn ends and nothing is cut.
        """
        history = agent.history
        to = first_checkpoint(history)
        if not cut and to is not None and await self._report_back(agent, rig, to):
            return
        agent.emit(Warned(agent.id, f"the context is full and was cut: all of it is in {self._folder(agent)}"))
        book = ledger(history.entries, Seq(0), self._world(agent, rig, None, None))
        text = cut_told(
            book,
            folder=self._folder(agent),
            prompt=str(self.prompt_file.relative_to(self.project)),
            agent=history.agent,
            room=_room(history) // 4 if cut else _room(history),
        )
        agent.record(Rewind(Seq(0), "fork", "", "\n".join([*_session_block(history), text])))

    async def _report_back(self, agent: Agent, rig: Rig, to: Seq) -> bool:
        """Go back to checkpoint `to` with a report, or end the turn; False where there is to be a cut."""
        history = agent.history
        for at in report_places(history, to):
            agent.emit(Warned(agent.id, f"the context is full: {agent.id} goes back to checkpoint {to} with a report"))
            try:
                written = await self.abandoning.write_report(agent, rig, at, to)
            except ForkError as error:
                if error.kind is Kind.STORAGE:
                    raise
                agent.emit(Warned(agent.id, error.sentence))
                return False
            if written.text:
                unread = unread_since(history, at)
                way = Way(to, at, "fork", written.text, left=written.author, unread=unread)
                await self.go(agent, rig, way)
                return True
            agent.emit(Warned(agent.id, written.error().sentence))
            match written.stopped:
                case Failure(kind="unavailable" | "refused") | Interrupt() as stopped:
                    agent.record(stopped)
                    return True
                case Failure(kind="context"):
                    continue
                case _:
                    return False
        return False

    async def go(self, agent: Agent, rig: Rig, way: Way) -> Rewind:
        """Go back. Raises ForkError, and then neither the conversation nor a file is another one."""
        history = agent.history
        restored = None
        if way.files == "restore":
            restored = await self.files.restore(agent, rig, way.to, way.on_edit)
            if not restored.done:
                raise conflict(restored.conflicts)
        self.outcome = restored
        left = way.left
        if way.report and left is None:
            own = way.report if way.by == "agent" else ""
            left = self.abandoning.leave(agent, way.at, way.to, way.call, own)
        changed = await self.files.changed_since(agent, rig, way.to)
        book = ledger(history.entries, way.to, self._world(agent, rig, changed, restored, way.unread))
        folder = self._folder(agent)
        text = notice_told(book, folder=folder)
        if way.report:
            text = told(
                book, way.report, by=way.by, author=left, folder=folder, agent=history.agent, by_hand=way.by_hand,
                room=_room(history),
            )  # fmt: skip
        shown = restored.restored[:SHOWN] if restored else ()
        gone = set(restored.removed) if restored else set()
        body = Rewind(
            way.to, way.by, way.report, text, abandoned=left, files=way.files,
            restored=shown, removed=tuple(path for path in shown if path in gone), call=way.call,
            asks=way.asks, let_go=way.let_go,
        )  # fmt: skip
        agent.record(body)
        return body

    def _world(
        self, agent: Agent, rig: Rig, changed: tuple[str, ...] | None, restored: Restored | None, unread: str = ""
    ) -> World:
        return World(
            changed=changed,
            restored=restored.restored if restored else (),
            removed=restored.removed if restored else (),
            beyond=restored.beyond if restored else (),
            left=tuple(one.path for one in restored.kept) if restored else (),
            jobs=rig.jobs.running,
            running=frozenset(self.fleet.running(agent)),
            unread=unread,
        )

    def _folder(self, agent: Agent) -> str:
        return str(agent.files.folder.relative_to(self.project))


def conflict(found: tuple[Unrestored, ...]) -> ForkError:
    """What is said where files stand in the way."""
    paths = ", ".join(f"{one.path} ({one.why})" for one in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ForkError(
        f"files stand in the way, so nothing was restored or rewound: {paths}{more}",
        "go back without the files, or have yours replaced too: `fork rewind N --files restore --yes`",
    )


def _room(history: History) -> int:
    """The characters that a ledger may take in this agent's window."""
    sealed = history.head.sealed
    return room_in(sealed.window) if sealed is not None else LEDGER_CHARS


def _session_block(history: History) -> list[str]:
    """Where the agent is, as it was told in the very first message."""
    prompts = (entry.body.blocks for entry in history.entries if isinstance(entry.body, Prompt))
    first = next(prompts, ())
    text = str(first[0].get("text", "")) if first else ""
    return [text] if text.startswith("<session ") else []

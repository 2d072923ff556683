"""The stretch that a rewind leaves behind, as an agent of its own: it keeps its context, and may write the report.

It is made before the rewind is on record. A rewind that fails or is cut short leaves it in the tree, where it does no
harm; one that is tried again for the same call finds it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forkcli.app.crew import Surroundings, fork_rig
from forkcli.core.entries import Agent as LineOne
from forkcli.core.entries import Notice, Prompt
from forkcli.core.forking import report_of
from forkcli.core.ids import AgentId, CallId, Seq, SessionId
from forkcli.core.messages import text_block
from forkcli.core.rewinding import abandoned
from forkcli.engine.agent import Agent
from forkcli.engine.fleet import Fleet
from forkcli.engine.loop import run_turn
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind
from forkcli.prompts import filled
from forkcli.store.agent_files import HISTORY, create_agent
from forkcli.store.reading import first_entry

Files = Literal["keep", "restore"]
FILES_TOLD: dict[Files, str] = {"keep": "they stay as they are", "restore": "they go back to what they were then"}
SHARED = "You see the project as it is now, and so do others."


@dataclass(frozen=True, slots=True)
class Abandoning:
    """Makes the agents that the abandoned stretches of one session become."""

    around: Surroundings
    session: SessionId
    fleet: Fleet

    def leave(self, agent: Agent, at: Seq, to: Seq, call: CallId | None) -> AgentId | None:
        """Make the agent that the stretch up to entry `at` becomes; None where the session can have no more agents."""
        found = self._found(agent.id, call) if call is not None else None
        if found is not None:
            return found
        try:
            left = self._made(agent, at, to, call)
        except ForkError as error:
            if error.kind is Kind.STORAGE:
                raise
            return None
        if call is None:
            left.record(self._identity(agent.id, left.id, to))
        left.files.close()
        return left.id

    async def write_report(
        self, agent: Agent, rig: Rig, at: Seq, to: Seq, files: Files = "keep", focus: str = ""
    ) -> tuple[AgentId, str]:
        """Have the abandoned self write the report, on the context that it has: its id, and the text.

        `files` says what will become of the project's; `focus` is what the user wants to be in it above all.
        Raises ForkError where it did not come to one; then nothing was rewound.
        """
        left = self._made(agent, at, to, None)
        try:
            wanted = f"\n\nAbove all it has to hold: {focus}" if focus else ""
            asked = filled("report_request", to=str(to), files=FILES_TOLD[files], focus=wanted)
            left.record(Prompt(asked, (text_block(asked),), "argument"))
            end = await run_turn(left, fork_rig(self.around, left, rig.workspace, rig))
            said = report_of(left.history, "done")
            if end.status != "done" or not said.steps:
                raise ForkError(
                    f"{left.id}, which was to write the report, came to none ({end.sentence or end.status})",
                    "nothing was rewound; write the report yourself, or try again",
                )
            left.record(self._identity(agent.id, left.id, to))
            left.files.write_report(said.text)
            return left.id, said.text
        finally:
            left.files.close()

    def _made(self, agent: Agent, at: Seq, to: Seq, call: CallId | None) -> Agent:
        name = self.fleet.allot(agent, left=True)
        past = agent.history.forked(at)
        files = create_agent(self._folder(name), first_seq=at + 1)
        left = Agent(name, files, past.branch(), agent.emit)
        left.record(*abandoned(agent.history, past, name, at, call, self._identity(agent.id, name, to).text))
        return left

    def _identity(self, parent: AgentId, name: AgentId, to: Seq) -> Notice:
        folder = str(self._folder(name).relative_to(self.around.settings.project))
        told = filled("abandoned", agent=name, parent=parent, to=str(to), folder=folder, files=SHARED)
        return Notice(told)

    def _folder(self, name: AgentId) -> Path:
        return self.around.scratch.agent_folder(self.session, name)

    def _found(self, parent: AgentId, call: CallId) -> AgentId | None:
        """The agent that was made for this very call before a crash cut the rewind short."""
        for name in self.around.scratch.agents(self.session):
            first = first_entry(self._folder(name) / HISTORY)
            body = first.body if first is not None else None
            if isinstance(body, LineOne) and (body.kind, body.parent, body.call) == ("abandoned", parent, call):
                return name
        return None

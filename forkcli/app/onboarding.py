"""What spawned agents are told: the brief and the interview, then the task; and what each worker is told.

Words only: who is made when, and what runs, is decided elsewhere. All texts of models in them are quoted.
"""

from dataclasses import dataclass
from pathlib import Path

from forkcli.app.where import Place, where
from forkcli.config import Settings
from forkcli.core.entries import Access, Agent, Body, Child, Order, Prompt, Spawn
from forkcli.core.first import first_blocks
from forkcli.core.forking import narrower, siblings
from forkcli.core.history import History
from forkcli.core.ids import AgentId, SessionId
from forkcli.core.interview import MOST_ROUNDS
from forkcli.core.messages import quoted, text_block
from forkcli.core.reviewing import is_review
from forkcli.core.spawning import spawned, worker
from forkcli.prompts import filled
from forkcli.store.scratch import Scratch
from forkcli.workspace.project import project_context

_PERSON = "You do not talk to the person: your parent gets your report."


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Writes what the spawned agents of one session are told."""

    settings: Settings
    scratch: Scratch
    session: SessionId

    def spawned(self, parent: History, spawn: Spawn, agent: AgentId, cwd: str) -> list[Body]:
        """The entries that a spawned agent begins with: its line 1, and its brief (without an interview its task)."""
        line_one = spawned(parent, spawn, agent)
        place = Place(
            agent=agent,
            cwd=cwd,
            access=line_one.access,
            net=line_one.net,
            person=_PERSON,
            folder=self._folder(agent),
            prompt=self.scratch.prompt_file(self.session),
            notes=self.scratch.notes,
        )
        project = project_context(self.settings.project, self.settings.cwd, self.settings.config_dir)
        brief, rest = self._brief(line_one, spawn), self._rest(line_one, spawn)
        blocks = first_blocks(where(self.settings, place), list(project), (text_block(brief), text_block(rest)))
        said = f"{spawn.brief}\n\n{_numbered(spawn)}".strip()
        return [line_one, Prompt(said, blocks, "task" if spawn.interview == "none" else "brief")]

    def task(self, parent: History, spawn: Spawn, child: Child) -> Prompt:
        """What lets an agent that was interviewed for one task begin with it."""
        told = filled(
            "spawn_task",
            agent=child.agent,
            parent=_name(parent),
            means=means_told(_access(parent, child), spawn, child, _name(parent)),
            task=quoted(child.task),
        )
        return Prompt(child.task, (text_block(told),), "task")

    def worker(self, parent: History, onboarded: History, spawn: Spawn, child: Child) -> list[Body]:
        """The entries that a worker begins with, after the interview that it shares with its siblings."""
        told = filled(
            "spawn_worker",
            agent=child.agent,
            parent=_name(onboarded),
            boss=_name(parent),
            index=str([other.agent for other in spawn.children].index(child.agent) + 1),
            count=str(len(spawn.children)),
            siblings=quoted(siblings(spawn, child)),
            folder=self._shown(child.agent),
            means=means_told(_access(parent, child), spawn, child, _name(parent)),
            task=quoted(child.task),
        )
        opened = worker(parent, onboarded, spawn, child, told)
        return [opened.line_one, *opened.answers, Prompt(child.task, (text_block(told),), "task")]

    def _brief(self, line_one: Agent, spawn: Spawn) -> str:
        above = line_one.parent or AgentId("")
        if is_review(spawn):
            return filled("spawn_reviewer", agent=line_one.agent, parent=above)
        return filled(
            "spawn_brief",
            agent=line_one.agent,
            parent=above,
            above=self._shown(above),
            prompt=str(self.scratch.prompt_file(self.session).relative_to(self.settings.project)),
            brief=quoted(spawn.brief.strip()) or filled("spawn_ordered", parent=above),
        )

    def _rest(self, line_one: Agent, spawn: Spawn) -> str:
        """The tasks, and what is to be done about them now."""
        above = line_one.parent or AgentId("")
        if spawn.interview == "none":
            child = next(child for child in spawn.children if child.agent == line_one.agent)
            means = means_told(line_one.access, spawn, child, above)
            if is_review(spawn):
                return filled("spawn_review", task=quoted(child.task), means=means)
            named = siblings(spawn, child)
            means += f" Your siblings do the other tasks ({quoted(named)})." if named else ""
            return filled("spawn_direct", task=quoted(child.task), means=means, parent=above)
        asking = filled(f"spawn_ask_{spawn.interview}", parent=above, rounds=str(MOST_ROUNDS))
        if spawn.onboarded is None:
            return filled("spawn_interview", tasks=quoted(spawn.children[0].task), parent=above, asking=asking)
        count = str(len(spawn.children))
        return filled("spawn_interview_many", tasks=quoted(_numbered(spawn)), count=count, parent=above, asking=asking)

    def _folder(self, agent: AgentId) -> Path:
        return self.scratch.agent_folder(self.session, agent)

    def _shown(self, agent: AgentId) -> str:
        return str(self._folder(agent).relative_to(self.settings.project))


def means_told(access: Access, order: Order, child: Child, parent: AgentId) -> str:
    """What a child is told of its files and its bounds. Changes come back when all are there that are waited for."""
    steps = f" You have {child.max_steps} steps, one for each message of yours, your report included."
    return _files_told(access, order, parent) + (steps if child.max_steps else "")


def _files_told(access: Access, order: Order, parent: AgentId) -> str:
    if access == "read":
        return "You can read the project and change nothing in it."
    end = "all of you have ended" if order.wait and len(order.children) > 1 else "you have ended"
    comes = f"merged into its files once {end}" if order.merge == "auto" else "kept apart until it merges them"
    own = "You have a copy of the project of your own, at the same paths"
    not_all = (
        "Changes to what git ignores, or in repositories within the project, stay behind: report those that matter."
    )
    return f"{own}: {parent} does not see it; your changes are {comes}. {not_all}"


def _numbered(spawn: Spawn) -> str:
    if len(spawn.children) == 1:
        return spawn.children[0].task
    return "\n\n".join(f"{number}. {child.task}" for number, child in enumerate(spawn.children, start=1))


def _name(history: History) -> AgentId:
    return history.agent.agent if history.agent else AgentId("")


def _access(parent: History, child: Child) -> Access:
    return narrower(child.access, parent.access)

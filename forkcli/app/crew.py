"""What an agent of a session works with: the same for the root and for every fork, but for its workspace and jobs."""

import re
from dataclasses import dataclass
from functools import partial

from forkcli.app.keeping import heir
from forkcli.config import Settings
from forkcli.core.budget import Limits
from forkcli.core.entries import Message, ToolResult
from forkcli.core.events import Warned
from forkcli.core.history import History
from forkcli.engine.agent import Agent, Approvals
from forkcli.engine.jobs import AgentJobs
from forkcli.engine.limiter import Limiter
from forkcli.engine.ports import Emit, Workspace
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.models.anthropic import AnthropicModel
from forkcli.store.agent_files import INBOX
from forkcli.store.inbox import put_message
from forkcli.store.scratch import Scratch
from forkcli.tools.registry import builtin_tools

_JOB = re.compile(r"j([1-9]\d{0,8})")  # a history that came with a project may hold anything


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What outlives a session within one process: the REPL goes from session to session with the same of these."""

    settings: Settings
    scratch: Scratch
    model: AnthropicModel
    workspace: Workspace
    approvals: Approvals
    limiter: Limiter
    emit: Emit


def make_rig(around: Surroundings, agent: Agent, workspace: Workspace) -> Rig:
    """The rig of an agent."""
    settings = around.settings
    return Rig(
        model=around.model,
        tools={tool.name: tool for tool in builtin_tools()},
        workspace=workspace,
        jobs=AgentJobs(partial(_job_ended, agent), first=_next_job(agent.history)),
        approvals=around.approvals,
        emit=around.emit,
        cwd=str(settings.cwd),
        limits=Limits(settings.max_steps, settings.max_cost),
        limiter=around.limiter,
    )


def fork_rig(around: Surroundings, agent: Agent, workspace: Workspace, parent: Rig) -> Rig:
    """The rig of a fork: its spending counts with its parent's, and it may fork again through the same fleet."""
    rig = make_rig(around, agent, workspace)
    rig.spent, rig.fleet, rig.cwd, rig.tools = parent.spent, parent.fleet, parent.cwd, parent.tools
    rig.keeper = heir(parent.keeper, agent, rig)
    rig.rewinder = parent.rewinder
    rig.reads, rig.clock = parent.reads, parent.clock
    rig.post = parent.post
    return rig


def _job_ended(agent: Agent, message: Message) -> None:
    """Keep it for the agent's next step, which may be that of another process; a person is told at once."""
    try:
        put_message(agent.files.folder / INBOX, message.sender, message.text)
    except ForkError:
        agent.told.append(message)
    agent.emit(Warned(agent.id, message.text.split("\n", 1)[0]))


def _next_job(history: History) -> int:
    """The number of the next background job: ids are never reused."""
    jobs = [entry.body.facts.job or "" for entry in history.entries.own if isinstance(entry.body, ToolResult)]
    return max((int(found[1]) for job in jobs if (found := _JOB.fullmatch(job))), default=0) + 1

"""What the tests of the store share: an agent's first line, one turn as the engine records it, and the recording."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.core.ids import MAIN, AgentId, CallId, SessionId
from forkcli.core.messages import text_block
from forkcli.store.agent_files import AgentDir, create_agent
from forkcli.store.codec import encode
from forkcli.store.scratch import Scratch

TOOLS = ({"name": "bash", "description": "Run a command", "input_schema": {"type": "object"}},)


def line_1(session: str = "20261122-0925-k3f", agent: str = "main", v: int = 1) -> e.Agent:
    return e.Agent(
        v=v,
        session=SessionId(session),
        agent=AgentId(agent),
        kind="main",
        project="/p",
        model="claude-opus-5-5",
        effort=None,
        system=(text_block("You are an agent."),),
        tools=TOOLS,
        made_by="0.1.0",
    )


def turn() -> list[e.Body]:
    call = CallId("toolu_1")
    asked = {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "ls"}}
    return [
        e.Prompt("What is here?", (text_block("What is here?"),)),
        e.Checkpoint('<checkpoint n="3" context="1%"/>', 1200, 200_000),
        e.Assistant(
            ({"type": "thinking", "thinking": "Look.", "signature": "c2ln"}, text_block("I look."), asked),
            "tool_use",
            e.Usage(900, 40),
            "claude-opus-5-5",
            cost_usd=0.01,
        ),
        e.ToolStart(call, "bash"),
        e.ToolResult(call, "bash", (text_block("README.md\nsrc"),), ms=12, facts=e.ToolFacts(exit_code=0, cwd="/p")),
        e.Notice("The context is 71 % full."),
        e.Checkpoint('<checkpoint n="8" context="1%"/>', 1300, 200_000),
        e.Assistant((text_block("A README and a folder. ✓"),), "end_turn", e.Usage(10, 8, 1200), "claude-opus-5-5"),
    ]


def made(project: Path) -> Scratch:
    project.mkdir(parents=True, exist_ok=True)
    scratch = Scratch(project)
    scratch.ensure()
    return scratch


def begun(scratch: Scratch, *bodies: e.Body) -> AgentDir:
    session = scratch.new_session()
    files = create_agent(scratch.agent_folder(session, MAIN))
    record(files, History(), line_1(session), *bodies)
    return files


def record(files: AgentDir, history: History, *bodies: e.Body) -> list[e.Entry]:
    """Append, fold and derive, as the engine does."""
    entries = files.append(bodies, sync=True)
    files.derive(entries, [message for entry in entries for message in history.add(entry)])
    return entries


def numbered(bodies: Iterable[e.Body], first: int = 1) -> list[e.Entry]:
    return [e.Entry(e.Seq(seq), "2026-11-22T09:25:00.000Z", body) for seq, body in enumerate(bodies, first)]


def lines_of(bodies: Sequence[e.Body], first: int = 1) -> list[bytes]:
    return [encode(entry) for entry in numbered(bodies, first)]

"""Makes sessions for the tests of the verbs: real files by the real store, without a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.core.ids import MAIN, CallId, SessionId
from forkcli.store.agent_files import create_agent
from forkcli.store.scratch import Scratch

USAGE = e.Usage(10, 5, 80, 10)


@dataclass(frozen=True, slots=True)
class Made:
    """A session that was made."""

    id: SessionId
    folder: Path
    agent: Path


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def answer(words: str, *calls: dict[str, Any], stop: str | None = None, cost: float | None = 0.25) -> e.Assistant:
    blocks = [text(words), *calls]
    return e.Assistant(tuple(blocks), stop or ("tool_use" if calls else "end_turn"), USAGE, "opus", cost_usd=cost)


def call(name: str, number: int, **args: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c{number}", "name": name, "input": args}


def result(name: str, number: int, words: str = "ok", changed: Sequence[str] = ()) -> e.ToolResult:
    facts = e.ToolFacts(changed=tuple(changed))
    return e.ToolResult(CallId(f"c{number}"), name, (text(words),), facts=facts)


def prompt(words: str) -> e.Prompt:
    return e.Prompt(words, (text(words),))


def checkpoint() -> e.Checkpoint:
    return e.Checkpoint("<checkpoint/>", 100, 200_000)


def finished(words: str = "fix the bug") -> list[e.Body]:
    """A turn of two steps that is done."""
    return [
        prompt(words),
        checkpoint(),
        answer("Let me look.", call("read", 1, path="src/a.py"), call("edit", 2, path="src/a.py")),
        e.ToolStart(CallId("c1"), "read"),
        result("read", 1, "x" * 4000),
        e.ToolStart(CallId("c2"), "edit"),
        result("edit", 2, changed=["src/a.py"]),
        checkpoint(),
        answer("It is fixed."),
    ]


def made(project: Path, bodies: Sequence[e.Body], words: str = "fix the bug") -> Made:
    """A session with these entries after line 1."""
    scratch = Scratch(project)
    scratch.ensure()
    session = scratch.new_session()
    scratch.write_prompt(session, [words.encode(errors="surrogateescape")])
    folder = scratch.agent_folder(session, MAIN)
    files = create_agent(folder)
    line_1 = e.Agent(1, session, MAIN, "main", str(project), "opus", None, (text("system"),), (), "0.1.0")
    history = History()
    for body in (line_1, *bodies):
        for entry in files.append([body], sync=False):
            files.derive([entry], history.add(entry))
    files.close()
    return Made(session, scratch.session_folder(session), folder)

"""Short ways to build histories in tests."""

from collections.abc import Iterable

from forkcli.core.entries import (
    HISTORY_VERSION,
    Agent,
    Assistant,
    Body,
    Checkpoint,
    Entry,
    Prompt,
    ToolResult,
    ToolStart,
    Usage,
)
from forkcli.core.history import History
from forkcli.core.ids import MAIN, CallId, Seq, SessionId
from forkcli.core.messages import Block, text_block

AGENT = Agent(
    v=HISTORY_VERSION,
    session=SessionId("20261122-0925-k3f"),
    agent=MAIN,
    kind="main",
    project="/p",
    model="claude-opus-5-5",
    effort=None,
    system=(text_block("You are fork."),),
    tools=(),
    made_by="0.1.0",
)


def entries(bodies: Iterable[Body]) -> list[Entry]:
    return [Entry(Seq(n), "2026-11-22T09:25:00.000Z", body) for n, body in enumerate([AGENT, *bodies], start=1)]


def history(*bodies: Body) -> History:
    return History.of(entries(bodies))


def prompt(text: str = "mend it") -> Prompt:
    return Prompt(text, (text_block(text),))


def seal(n: int = 3, tokens: int = 100) -> Checkpoint:
    return Checkpoint(f'<checkpoint n="{n}" context="1%"/>', tokens, 200_000)


def tool_use(call: str = "toolu_1", name: str = "bash", **args: object) -> Block:
    return {"type": "tool_use", "id": call, "name": name, "input": args}


def answer(*blocks: Block | str, stop: str = "", usage: Usage | None = None, cut: bool = False) -> Assistant:
    content = tuple(text_block(b) if isinstance(b, str) else b for b in blocks)
    asks = any(b.get("type") == "tool_use" for b in content)
    return Assistant(
        content, stop or ("tool_use" if asks else "end_turn"), usage or Usage(), "claude-opus-5-5", cut=cut
    )


def start(call: str = "toolu_1", name: str = "bash") -> ToolStart:
    return ToolStart(CallId(call), name)


def result(call: str = "toolu_1", text: str = "ok", *, is_error: bool = False) -> ToolResult:
    return ToolResult(CallId(call), "bash", (text_block(text),), is_error=is_error)

"""A driver that plays a script of events, and makers of the events it plays."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.errors import ForkError
from forkcli.ui.ports import Answer, Lines, Question, ShellEnd, Shown, Slash, Status

MAIN = AgentId("main")
STATUS = Status("main", "claude-opus-5", "high", 0.18, 0.97, 0.42, "bubblewrap", "write",
                project="shop", branch="main")  # fmt: skip


def appended(body: e.Body, seq: int = 1) -> ev.Appended:
    """The event that an entry is on disk."""
    return ev.Appended(MAIN, e.Entry(Seq(seq), "2026-11-22T09:25:00Z", body))


def prompt(text: str) -> ev.Appended:
    """A prompt."""
    return appended(e.Prompt(text, ()))


def delta(text: str, *, thinking: bool = False) -> ev.TextDelta:
    """A piece of an answer."""
    return ev.TextDelta(MAIN, text, thinking)


def call(name: str, key: str = "c1", **args: object) -> dict[str, object]:
    """A tool_use block."""
    return {"type": "tool_use", "id": key, "name": name, "input": args}


def answer(text: str = "", *calls: dict[str, object]) -> ev.Appended:
    """The entry of an answer."""
    content = ({"type": "text", "text": text},) if text else ()
    usage = e.Usage(120, 340, 21_000, 900)
    return appended(e.Assistant((*content, *calls), "end_turn", usage, "claude-opus-5", cost_usd=0.021))


def result(
    name: str, text: str = "", key: str = "c1", *, ms: int = 0, is_error: bool = False, facts: e.ToolFacts | None = None
) -> ev.Appended:
    """What a call came to."""
    content = ({"type": "text", "text": text},)
    return appended(e.ToolResult(CallId(key), name, content, is_error, ms, facts or e.ToolFacts()))


@dataclass(frozen=True)
class Ask:
    """A question, as the engine asks it."""

    agent: AgentId
    what: str
    command: str
    why: str = ""
    cwd: str = ""


Script = Callable[["FakeDriver", str], Awaitable[None]]


@dataclass
class FakeDriver:
    """Fills `Driver`: a turn plays `script`; what is done to it is noted in `did`."""

    script: Script
    commands: Sequence[Slash] = ()
    files: Sequence[str] = ("src/cart.py", "src/price.py", "tests/test_cart.py", "docs/")
    state: Status = STATUS
    shell_end: ShellEnd = field(default_factory=lambda: ShellEnd("out\n", 0, 0.2))
    did: list[tuple[str, str]] = field(default_factory=list)
    emit: Callable[[ev.Event], None] = print
    ask: Callable[[Question], Awaitable[Answer]] | None = None
    refuse: ForkError | None = None
    task: asyncio.Task[None] | None = None

    def status(self) -> Status:
        return self.state

    def slashes(self) -> Sequence[Slash]:
        return self.commands

    async def turn(self, text: str) -> None:
        self.did.append(("turn", text))
        if self.refuse is not None:
            raise self.refuse
        self.emit(prompt(text))
        self.task = asyncio.create_task(self._play(text))
        await self.task

    async def _play(self, text: str) -> None:
        status: ev.TurnStatus = "done"
        try:
            await self.script(self, text)
        except asyncio.CancelledError:
            self.emit(appended(e.Interrupt("user")))
            status = "interrupted"
        self.emit(ev.TurnEnded(MAIN, status))

    def steer(self, text: str) -> None:
        self.did.append(("steer", text))

    def stop(self) -> None:
        self.did.append(("stop", ""))
        if self.task is not None:
            self.task.cancel()

    async def shell(self, command: str, output: Callable[[str], None]) -> ShellEnd:
        self.did.append(("shell", command))
        output("out\n")
        return self.shell_end

    def paths(self, prefix: str) -> list[str]:
        return [name for name in self.files if prefix in name]

    async def close(self) -> None:
        self.did.append(("close", ""))


def slash(name: str, shown: Shown | None, args: str = "") -> Slash:
    """A slash command that returns `shown`, or says what it was given."""

    async def run(rest: str) -> Shown | None:
        return Lines(f"{name} got {rest}") if rest else shown

    return Slash(name, args, f"the summary of {name}", run)


async def replies(driver: FakeDriver, text: str) -> None:
    """A turn of one answer."""
    driver.emit(ev.StepStarted(MAIN, 1))
    driver.emit(delta(f"You said {text}."))
    driver.emit(answer(f"You said {text}."))


async def works(driver: FakeDriver, text: str) -> None:
    """A turn that lasts until it is stopped."""
    driver.emit(ev.StepStarted(MAIN, 1))
    driver.emit(delta("I begin."))
    await asyncio.sleep(60)

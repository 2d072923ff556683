"""What the tools' tests stand on: a workspace of real files under a directory, and an environment for a call."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forkcli.core.entries import Access, Body, Entry
from forkcli.core.entries import Message as Told
from forkcli.core.ids import MAIN
from forkcli.core.messages import Message
from forkcli.engine.jobs import AgentJobs
from forkcli.engine.ports import Command, CommandEnd, FileStat, Question, RunningCommand, Tool, ToolEnv, ToolOutcome
from forkcli.errors import ForkError


@dataclass(slots=True)
class ScriptedCommand:
    """A command whose end is given; `after_s` is how long it takes, and a kill ends it at once."""

    end: CommandEnd
    after_s: float = 0.0
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> CommandEnd:
        try:
            await asyncio.wait_for(self.killed.wait(), self.after_s)
        except TimeoutError:
            return self.end
        return ended("so far", exit_code=None)

    def kill(self) -> None:
        self.killed.set()


def ended(head: str = "", tail: str = "", *, exit_code: int | None = 0, **more: object) -> CommandEnd:
    """The end of a command that wrote `head` (and `tail`)."""
    total = len((head + tail).encode())
    facts = {"total": total, "spooled": False, "cwd": None, **more}
    return CommandEnd(exit_code, head, tail, **facts)


@dataclass(slots=True)
class Folder:
    """A workspace on real files. Commands do not run: they are noted, and end as `end` says."""

    root: Path
    contained: bool = True
    end: CommandEnd = field(default_factory=ended)
    says: bytes = b""
    after_s: float = 0.0
    commands: list[Command] = field(default_factory=list)
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def sandbox(self) -> str:
        return "bubblewrap" if self.contained else "none (bubblewrap is not installed)"

    def _at(self, path: str) -> Path:
        found = (self.root / path).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise ForkError(f"`{path}` lies outside the project")
        return found

    def relative(self, path: str) -> str:
        whole = self.root / path
        return str(whole.relative_to(self.root)) if whole.is_relative_to(self.root) else path

    def stat(self, path: str) -> FileStat:
        found = self._at(path)
        if not found.exists():
            return FileStat("absent")
        kind = "file" if found.is_file() else "dir" if found.is_dir() else "other"
        return FileStat(kind, found.stat().st_size, found.stat().st_mode & 0o777)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        self.reads.append((limit, offset))
        with self._at(path).open("rb") as file:
            file.seek(offset)
            return file.read(limit)

    def listdir(self, path: str) -> list[str]:
        return sorted(one.name + "/" * one.is_dir() for one in self._at(path).iterdir())

    def write(self, path: str, data: bytes) -> None:
        found = self._at(path)
        if ".git" in found.parts:
            raise ForkError(f"`{path}` lies in `.git`, which is not written")
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_bytes(data)

    async def start(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> RunningCommand:
        self.commands.append(command)
        if on_output is not None and self.says:
            on_output(self.says)
        return ScriptedCommand(self.end, self.after_s)

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class Outputs:
    """An agent's files, of which tools use `outputs/` alone."""

    folder: Path
    count: int = 0

    def append(self, bodies: Sequence[Body], *, sync: bool) -> list[Entry]:
        raise AssertionError("a tool wrote into the history")

    def derive(self, entries: Sequence[Entry], messages: Sequence[Message]) -> None:
        raise AssertionError("a tool wrote into the history")

    def new_output(self, stem: str, suffix: str = ".txt") -> Path:
        self.count += 1
        (self.folder / "outputs").mkdir(parents=True, exist_ok=True)
        return self.folder / "outputs" / f"{stem}-{self.count}{suffix}"

    def take_inbox(self) -> list[tuple[str, str, str]]:
        return []

    def inbox_done(self, names: Sequence[str]) -> None:
        pass


@dataclass(slots=True)
class Desk:
    """A workspace, what was asked and heard, and the way to call a tool there."""

    workspace: Folder
    access: Access = "write"
    net: bool = False
    cwd: str = ""
    agrees: bool = False
    attended: bool = True
    asked: list[Question] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    jobs: AgentJobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = AgentJobs(self.told.append)

    @property
    def root(self) -> Path:
        return self.workspace.root

    def env(self) -> ToolEnv:
        async def approve(question: Question) -> bool:
            self.asked.append(question)
            return self.agrees

        return ToolEnv(
            agent=MAIN,
            workspace=self.workspace,
            files=Outputs(self.root / ".fork/sessions/s/agents/main"),
            access=self.access,
            net=self.net,
            cwd=self.cwd or str(self.root),
            approve=approve,
            output=self.heard.append,
            jobs=self.jobs,
            attended=self.attended,
        )

    async def call(self, tool: Tool, **args: object) -> ToolOutcome:
        return await tool.run(tool.check(args), self.env())


def text(outcome: ToolOutcome) -> str:
    """The text blocks of a result."""
    return "\n".join(block["text"] for block in outcome.content if block["type"] == "text")


def complaint(error: ForkError) -> str:
    """A refusal as the model reads it."""
    return "\n".join([error.sentence, *error.hints])

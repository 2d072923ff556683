"""What the end-to-end tests stand on: runs of the real command, and the files that a session leaves."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zygote import WAIT_S, Running, Zygote

from forkcli.core.entries import Body, Entry, ToolResult
from forkcli.core.history import History
from forkcli.core.messages import Json, calls_of, text_of
from forkcli.models.scripted import Reply, ScriptedServer
from forkcli.store.check import Finding, check_session
from forkcli.store.reading import read_history


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> Json:
        """The object of `-o json`, or the last one of `-o stream-json`."""
        value: Json = json.loads(self.stdout.splitlines()[-1])
        return value

    @property
    def objects(self) -> list[Json]:
        """The objects of `-o stream-json`."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(slots=True)
class Desk:
    """A project, and the command to run in it."""

    zygote: Zygote
    project: Path
    place: Path
    url: str = ""
    runs: int = 0
    running: list[Running] = field(default_factory=list)

    def start(
        self,
        *words: str,
        stdin: str | bytes | int = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        **job: Any,
    ) -> Running:
        """Start `fork WORDS…`; `job` are what zygote_process.py knows besides."""
        self.runs += 1
        out, err, given = (self.place / f"{self.runs}.{end}" for end in ("out", "err", "in"))
        told = {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": "sk-test"} if self.url else {}
        proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
        request = {
            "words": [word.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for word in words],
            "cwd": str(cwd or self.project),
            "env": {**os.environ, **proxies, **told, **(env or {})},
            **job,
        }
        if isinstance(stdin, int):
            found = self.zygote.start(request, stdin, out, err)
        else:
            given.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
            with given.open("rb") as file:
                found = self.zygote.start(request, file.fileno(), out, err)
        self.running.append(found)
        return found

    def run(self, *words: str, timeout_s: float = WAIT_S, **options: Any) -> Ended:
        """Run `fork WORDS…` to its end."""
        running = self.start(*words, **options)
        code = running.wait(timeout_s)
        return Ended(code, running.stdout, running.stderr)

    def go_on_until_done(self, die_writing: tuple[int, float], runs: int = 40) -> None:
        """`fork -c -p` again and again, each run killed at a write, until one ends or finds nothing left to do.

        The second happens where a run was killed after it had recorded its end and before it could say so.
        """
        for _ in range(runs):
            ended = self.run("-c", "-p", die_writing=die_writing)
            if ended.code == 0 or "no unfinished turn" in ended.stderr:
                return
            assert ended.code == -signal.SIGKILL, ended.stderr
        raise AssertionError(f"it did not end in {runs} runs")

    def goes_on(self, prompt: str, answer: str, die_writing: tuple[int, float]) -> bool:
        """Whether `fork -p PROMPT` was killed at a write; then the next run comes to `answer`, and changes no line.

        It records in groups, so a run may write fewer times, and end.
        """
        killed = self.run("-p", prompt, die_writing=die_writing)
        if killed.code == 0:
            return False
        assert killed.code == -signal.SIGKILL, killed.stderr
        before = {path: path.read_bytes() for path in self.session.glob("agents/*/history.jsonl")}
        done = self.run("-c", "-p")
        if "no unfinished turn" not in done.stderr:
            assert (done.code, done.stdout) == (0, answer), done.stderr
        for path, was in before.items():
            assert path.read_bytes().startswith(was[: was.rfind(b"\n") + 1])
        return True

    # --- what a session leaves ------------------------------------------------------------------------------------

    @property
    def sessions(self) -> list[Path]:
        return sorted((self.project / ".fork/sessions").glob("*"))

    @property
    def session(self) -> Path:
        """The only session."""
        (found,) = self.sessions
        return found

    @property
    def agent(self) -> Path:
        return self.session / "agents/main"

    @property
    def entries(self) -> list[Entry]:
        """What the only session's history holds; nothing before there is one."""
        path = self.agent / "history.jsonl" if self.sessions else None
        return read_history(path).entries if path and path.exists() else []

    def wait_for(self, kind: type[Body], count: int = 1) -> None:
        """Until the history holds so many entries of this kind."""
        until(lambda: len(self.bodies(kind)) >= count)

    def bodies(self, *kinds: type[Body]) -> list[Any]:
        return [entry.body for entry in self.entries if not kinds or isinstance(entry.body, kinds)]

    @property
    def history(self) -> History:
        return History.of(self.entries)

    def results(self) -> list[str]:
        """The texts of all tool results."""
        return [text_of(body.content) for body in self.bodies(ToolResult)]

    def findings(self) -> list[Finding]:
        return check_session(self.session)


Serve = Callable[..., ScriptedServer]  # the fixture `serve`


def by_step(*steps: Reply) -> Callable[[Json], Reply]:
    """A script that answers by how many answers a request holds: so also a run that went on after a crash."""

    def script(request: Json) -> Reply:
        return steps[sum(message["role"] == "assistant" for message in request["messages"])]

    return script


def texts(request: Json) -> str:
    """All text of a request's messages, tool results included."""
    return json.dumps(request["messages"], ensure_ascii=False)


def called(request: Json) -> list[str]:
    """Names of the tools that were called so far."""
    return [call["name"] for message in request["messages"] for call in calls_of(message["content"])]


def begun(server: ScriptedServer) -> bool:
    """Whether the answer to the first request has begun."""
    return any(request.began is not None for request in server.requests[:1])


def until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, f"waited {timeout_s:g} s in vain"
        time.sleep(0.005)


def alive(needle: str) -> list[int]:
    """Processes that have `needle` in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found

"""What an attack stands on: a project that a hostile model works in, through the real command and its real sandbox."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from forkcli.core.messages import Block
from forkcli.models.scripted import ScriptedServer, call, reply

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-ant-this-is-the-key"
PROBE = ("bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true")


@pytest.fixture(scope="session")
def sandbox_works() -> bool:
    return shutil.which("bwrap") is not None and subprocess.run(PROBE, capture_output=True, check=False).returncode == 0


@pytest.fixture
def needs_sandbox(sandbox_works: bool) -> None:
    """Asked for by attacks on the sandbox: where there is none they say so instead of failing."""
    if not sandbox_works:
        pytest.skip("bubblewrap is missing, or user namespaces are forbidden here")


@dataclass(frozen=True, slots=True)
class Attack:
    """How a run of the command ended, and what the model got to read from its calls."""

    code: int
    stdout: str
    stderr: str
    results: tuple[str, ...]


Strike = Callable[..., Attack]


@pytest.fixture
def strike(project: Path, sealed: Path) -> Strike:
    """`strike(call(…), call(…))` runs `fork -p` in the project with a model that makes these calls, one a step."""

    def run(
        *calls: Block, words: tuple[str, ...] = ("-p", "go"), env: Mapping[str, str] | None = None, cwd: Path = project
    ) -> Attack:
        steps = [*(reply(one) for one in calls), reply("done")]
        with ScriptedServer(steps) as server:
            done = run_fork(cwd, server.base_url, words, env or {})
        return Attack(done.returncode, _text(done.stdout), _text(done.stderr), results_in(cwd))

    return run


def run_fork(
    cwd: Path, url: str, words: tuple[str, ...], env: Mapping[str, str], timeout_s: float = 30.0
) -> "subprocess.CompletedProcess[bytes]":
    """The real command, as a process of its own, against the server at `url`."""
    told = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY}
    return subprocess.run(
        [sys.executable, "-P", "-m", "forkcli", *words],
        cwd=cwd,
        env={**os.environ, **told, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )


def results_in(project: Path) -> tuple[str, ...]:
    """The texts of all tool results in the project's sessions, in order."""
    found = []
    for history in sorted(project.glob(".fork/sessions/*/agents/*/history.jsonl")):
        for line in history.read_text().splitlines():
            entry = json.loads(line)
            if entry["type"] == "tool_result":
                found.append("\n".join(block.get("text", "") for block in entry["content"]))
    return tuple(found)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


__all__ = ["KEY", "Attack", "Strike", "call", "results_in", "run_fork"]

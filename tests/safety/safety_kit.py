"""What attacks are made with: the real command as a process, and what the model got to read from its calls."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from zygote import run_command

KEY = "sk-ant-this-is-the-key"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Attack:
    """How a run of the command ended, and what the model got to read from its calls."""

    code: int
    stdout: str
    stderr: str
    results: tuple[str, ...]


Strike = Callable[..., Attack]


def run_fork(cwd: Path, url: str, words: tuple[str, ...], env: Mapping[str, str]) -> "CompletedProcess[bytes]":
    """The real command, as a process of its own, against the server at `url`."""
    told = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY}
    return run_command(words, cwd=cwd, env={**os.environ, **told, **env})


def results_in(project: Path) -> tuple[str, ...]:
    """The texts of all tool results in the project's sessions, in order."""
    found = []
    for history in sorted(project.glob(".fork/sessions/*/agents/*/history.jsonl")):
        for line in history.read_text().splitlines():
            entry = json.loads(line)
            if entry["type"] == "tool_result":
                found.append("\n".join(block.get("text", "") for block in entry["content"]))
    return tuple(found)


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")

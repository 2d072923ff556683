"""Plays the demo's script without fork: the smallest tools that a model could have; forks are copied folders."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripted_wire import Json, ask, assistant, result, user

from forkcli.core.entries import Child, Fork, Merge, Report
from forkcli.core.ids import AgentId, Seq
from forkcli.core.reports import gathered
from forkcli.models.scripted.demo import DEMO_PROMPT, demo_script
from forkcli.models.scripted.script import calls_of
from forkcli.prompts import filled

Tool = Callable[..., tuple[str, bool]]
NAMES = ("bash", "read", "write", "edit", "fork")
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in NAMES]
MARKER = '\n\n<checkpoint n="9" context="1%"/>'


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def tools(folder: Path) -> dict[str, Tool]:
    """They really work on the folder."""

    def bash(command: str) -> tuple[str, bool]:
        command = command.replace("python3", sys.executable)
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
        return f"{done.stdout}{done.stderr}[exit code {done.returncode}]", False

    def read(path: str) -> tuple[str, bool]:
        lines = (folder / path).read_text().splitlines()
        return "\n".join(f"{n:>6}\t{line}" for n, line in enumerate(lines, 1)), False

    def write(path: str, content: str) -> tuple[str, bool]:
        (folder / path).write_text(content)
        return f"created {path}", False

    def edit(path: str, old_str: str, new_str: str) -> tuple[str, bool]:
        text = (folder / path).read_text()
        if text.count(old_str) != 1:
            return f"`old_str` is in {path} {text.count(old_str)} times", True
        (folder / path).write_text(text.replace(old_str, new_str))
        return f"edited {path}", False

    return {"bash": bash, "read": read, "write": write, "edit": edit}


def run(folder: Path, prompt: str = DEMO_PROMPT, forked: Json | None = None, **replaced: Tool) -> list[Json]:
    """Play the demo until it calls no tool any more; the messages. `forked` replaces tools of single forks."""
    return play(folder, [user("<session/>", prompt)], {"forks": forked or {}, **replaced})


def play(folder: Path, messages: list[Json], replaced: Json) -> list[Json]:
    script, have = demo_script(), {**tools(folder), **replaced}
    for _ in range(14):
        content = list(script(ask(*messages, tools=TOOLS)).content)
        messages = [*messages, assistant(*content)]
        calls = calls_of(content)
        if not calls:
            return messages
        answers = [(call["id"], *answer(folder, messages, call, have)) for call in calls]
        messages.append(user(*(result(name, text, is_error=bad) for name, text, bad in answers)))
    raise AssertionError("the demo does not end")


def answer(folder: Path, messages: list[Json], call: Json, have: Json) -> tuple[str, bool]:
    if call["name"] == "fork" and "fork" not in have:
        return forks(folder, messages, call, have["forks"]), False
    return have[call["name"]](**call["input"])


def forks(folder: Path, messages: list[Json], call: Json, forked: Json) -> str:
    """The result of a `fork` call: each fork plays its part in a copy, then the copies are merged in order."""
    children = [Child(AgentId(f"f{n}"), task["task"]) for n, task in enumerate(call["input"]["tasks"], 1)]
    base = shutil.copytree(folder, folder.parent / "base")
    reports, merges = {}, {}
    for child in children:
        own = shutil.copytree(base, folder.parent / child.agent)
        said = play(own, [*messages, user(result(call["id"], told(child) + MARKER))], forked.get(child.agent, {}))
        reports[child.agent] = Report(child.agent, "done", last(said), 3, first_cache_share=0.95)
    for child in children:
        merges[child.agent] = merge(base, folder, folder.parent / child.agent, child.agent)
    return gathered(Fork(tuple(children), Seq(7)), reports, merges) + MARKER


def told(child: Child) -> str:
    """What a fork is told, as fork words it."""
    values = {"parent": "main", "index": "1", "count": "3", "others": "does the rest", "folder": ".fork/x"}
    return filled("fork_child", agent=child.agent, means="", task=child.task, **values)


def merge(base: Path, ours: Path, theirs: Path, agent: str) -> Merge:
    """A 3-way merge, all or nothing, by `git merge-file`."""
    names = [str(path.relative_to(theirs)) for path in theirs.rglob("*.py")]
    changed = [name for name in names if text_of(theirs / name) != text_of(base / name)]
    results = {name: merged(base / name, ours / name, theirs / name) for name in changed}
    clashes = tuple(sorted(name for name, text in results.items() if text is None))
    where = f".fork/{agent}/conflict"
    for name in clashes:
        path = ours / where / agent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((theirs / name).read_bytes())
    if clashes:
        return Merge(AgentId(agent), "conflict", clashes, where)
    for name, text in results.items():
        (ours / name).write_bytes(text or b"")
    return Merge(AgentId(agent), "merged" if changed else "nothing", tuple(sorted(changed)))


def merged(base: Path, ours: Path, theirs: Path) -> bytes | None:
    if text_of(ours) == text_of(base):
        return theirs.read_bytes()
    words = ["git", "merge-file", "-p", str(ours), str(base), str(theirs)]
    done = subprocess.run(words, capture_output=True, check=False)
    return None if done.returncode else done.stdout


def text_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def last(messages: Sequence[Json]) -> str:
    return "\n".join(block["text"] for block in messages[-1]["content"])


def called(messages: Sequence[Json]) -> list[str]:
    """The names of all tools that were called, in order."""
    return [call["name"] for message in messages for call in calls_of(message["content"])]

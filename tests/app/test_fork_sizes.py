"""What a fork adds before its first step: little on the disk, little in memory, whatever its parent's length."""

import asyncio
from pathlib import Path

import pytest
from fork_kit import den, disk, forks, held

from forkcli.models.scripted import call, reply

STEPS = 2000
DISK = 16 * 1024
MEMORY = 256 * 1024


@pytest.mark.parametrize("steps", [3, STEPS])
def test_a_fork_adds_little_to_disk_and_memory_whatever_its_parents_length(project: Path, steps: int) -> None:
    with den(project, {}, parallel=40) as home:
        assert asyncio.run(held(home, 16, steps)) <= MEMORY
        assert max(disk(home.folder / "agents" / f"f{n}") for n in range(2, 18)) <= DISK


def test_large_results_beside_the_fork_are_not_copied_into_each_fork(project: Path) -> None:
    with den(project, {}, parallel=40) as home:
        assert asyncio.run(held(home, 32, 3, results=30)) <= MEMORY
        assert max(disk(home.folder / "agents" / f"f{n}") for n in range(2, 34)) <= DISK
        assert (home.folder / "agents/f2/context.jsonl").read_text().count('"shared":true') == 30


def test_a_fork_that_resumed_shows_its_whole_context_again(project: Path) -> None:
    plan = {"main": [reply(call("read", path="README.md"), forks("a")), reply("Done.")]}
    with den(project, plan) as home:
        assert home.ask().status == "done"
        sent = home.requests("f1")[0].body["messages"]
        assert '"shared":true' in (home.folder / "agents/f1/context.jsonl").read_text()
        assert [message.raw for message in home.history("f1").messages][-2].count(b"# A project") == 1
        assert len(home.history("f1").messages) == len(sent) + 1
        home.sound()

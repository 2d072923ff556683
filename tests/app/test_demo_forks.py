"""The script of the demo with the real tools, forks and merges, at full speed: what it claims is what the files say."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from app_kit import Desk, Ended, Serve

from forkcli.core.messages import Json
from forkcli.models.scripted import Reply
from forkcli.models.scripted.demo import DEMO_PROMPT, demo_script, make_project


def at_once(request: Json) -> Reply:
    """The script without its pace."""
    return replace(demo_script()(request), tokens_per_s=None)


def play(desk: Desk, **env: str) -> Ended:
    desk.project = make_project(desk.project.parent / "tally")
    return desk.run("-p", DEMO_PROMPT, "--access", "full", "-o", "json", env=env)


def passing(project: Path) -> int:
    """How many tests the project has, all of which must pass."""
    words = [sys.executable, "-B", "-m", "unittest"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (count,) = re.findall(r"Ran (\d+) tests", done.stderr)
    return int(count)


def without(folder: Path, *names: str) -> str:
    """A PATH on which these programs are not to be found."""
    folder.mkdir()
    for place in reversed(os.get_exec_path()):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if program.name not in names:
                (folder / program.name).unlink(missing_ok=True)
                (folder / program.name).symlink_to(program)
    return str(folder)


def test_it_forks_three_ways_merges_two_and_settles_the_conflict(desk: Desk, serve: Serve) -> None:
    server = serve(at_once)
    done = play(desk)
    assert done.code == 0
    answer = done.result["result"]
    assert answer.startswith("**Done.** The bug is fixed, the three wishes are granted, and all 11 tests pass.")
    assert passing(desk.project) == 11
    rows = {row["agent"]: row for row in done.result["agents"]}
    assert [(name, row["state"]) for name, row in sorted(rows.items())][:3] == [(f"f{n}", "done") for n in (1, 2, 3)]
    assert all(rows[f"f{n}"]["first_cache_share"] > 0.85 for n in (1, 2, 3))
    assert "the report of `f4`, the self that took 9 steps" in answer
    assert len(server.requests[-1].body["messages"]) == 2
    told = [float(share) for share in re.findall(r"(\d+\.\d)%", answer)]
    assert told == pytest.approx([100 * rows[f"f{n}"]["first_cache_share"] for n in (1, 2, 3)], abs=0.1)
    assert server.refusals == []
    assert desk.findings() == []


@pytest.mark.parametrize("missing", [("bwrap",), ("bwrap", "nsenter")], ids=" and ".join)
def test_it_ends_well_and_truthfully_on_a_machine_that_lacks(
    desk: Desk, serve: Serve, tmp_path: Path, missing: Sequence[str]
) -> None:
    serve(at_once)
    done = play(desk, PATH=without(tmp_path / "programs", *missing))
    assert done.code == 0
    claimed = re.search(r"all (\d+) tests pass\.", done.result["result"], re.IGNORECASE)
    assert claimed is not None, done.result["result"]
    assert passing(desk.project) == int(claimed[1])
    assert ("**Done.**" in done.result["result"]) == (int(claimed[1]) == 11)
    assert all(f"**`f{n}`**" in done.result["result"] for n in (1, 2, 3))

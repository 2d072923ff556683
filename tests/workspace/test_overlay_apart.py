"""Where namespaces are forbidden a fork's files lie apart, and it is told what that means."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from overlay_kit import git, listing, place

HERE = Path(__file__).resolve().parent
WITHOUT = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


def drive(root: Path, *steps: dict[str, Any]) -> list[Any]:
    """The steps of fork_drive.py in a place where no user namespace can be made."""
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c", WITHOUT, "sh"]
    done = subprocess.run(
        [*inside, sys.executable, "-B", str(HERE / "fork_drive.py")],
        input=json.dumps({"root": str(root), "steps": steps}).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr.decode()
    outcomes: list[Any] = json.loads(done.stdout)
    return outcomes


@pytest.fixture
def untidy(project: Path) -> Path:
    (project / ".gitignore").write_text(".fork\nnode_modules\n")
    (project / "node_modules").mkdir()
    (project / "new").write_text("untracked")
    return project


def test_without_a_snapshot_the_reason_is_said(needs_sandbox: None, untidy: Path) -> None:
    (error,) = drive(untidy, {"fork": "f1", "layers": str(place(untidy, "f1"))})
    assert "user namespaces are forbidden" in error["error"]


def test_it_works_on_a_copy_and_says_where(needs_sandbox: None, untidy: Path, tmp_path: Path) -> None:
    (tmp_path / "kept/src").mkdir(parents=True)
    (tmp_path / "kept/src/hello.py").write_text("snapshot")
    before = listing(untidy)
    free = {"sandboxed": False}
    made, refused, end, _, text, _ = drive(
        untidy,
        {"fork": "f1", "layers": str(place(untidy, "f1")), "checkout": str(tmp_path / "kept")},
        {"in": "f1", "sh": "true"},
        {"in": "f1", "sh": "cat src/hello.py; git commit -qam fork; git log --format=%s; rm -r src", "options": free},
        {"in": "f1", "write": "src/hello.py", "text": "by a tool"},
        {"in": "f1", "read": str(untidy / "src/hello.py")},
        {"in": "f1", "sh": "cd /; rm -rf gone", "options": {**free, "cwd": str(untidy / "no/such")}},
    )
    tree = place(untidy, "f1") / "tree"
    assert made["kind"] == "worktree"
    assert str(tree) in made["notes"][0]
    assert "relative paths" in made["notes"][1]
    assert made["notes"][2] == "missing, since snapshots do not hold it: node_modules"
    assert "sandbox" in refused["error"]
    assert end["head"] == "snapshotfork\nBegin\n"
    assert text == "by a tool"
    assert listing(untidy) == before
    git(untidy, "fsck", "--strict")


def test_git_does_not_find_the_parents_data_where_the_fork_has_none(
    needs_sandbox: None, untidy: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    with (untidy / ".git/large").open("wb") as file:
        file.truncate(9 * 1024 * 1024)
    made, end = drive(
        untidy,
        {"fork": "f1", "layers": str(place(untidy, "f1")), "checkout": str(tmp_path / "kept")},
        {"in": "f1", "sh": "git status", "options": {"sandboxed": False}},
    )
    assert "git does not work" in made["notes"][2]
    assert end["exit_code"] != 0

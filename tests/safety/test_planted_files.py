"""Files that a project plants so that fork stumbles over them or runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safety_kit import ROOT, run_fork

from forkcli.models.scripted import ScriptedServer, reply

MODULES = ("anthropic", "rich", "typer", "signal", "tempfile", "asyncio", "json", "re", "git", "httpx2", "tomllib")


def _plant(folder: Path) -> None:
    """A module for each name that tells when it is run."""
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'RAN')!r}, 'a').write({name!r})\n")


@pytest.mark.parametrize("where", ["here", "above", "above by name"])
def test_modules_of_the_project_never_run_whatever_pythonpath_holds(project: Path, where: str) -> None:
    _plant(project)
    path = {"here": ".", "above": "..", "above by name": str(project)}[where]
    done = subprocess.run(
        [sys.executable, "-m", "forkcli", "doctor"],
        cwd=project if where == "here" else project / "src",
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path}"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert not (project / "RAN").exists()


@pytest.mark.parametrize("name", ["AGENTS.md", "CLAUDE.md", "src/AGENTS.md"])
@pytest.mark.parametrize("kind", ["directory", "pipe", "link out", "link to itself"])
def test_instructions_that_are_no_file_are_passed_over(project: Path, name: str, kind: str) -> None:
    path = project / name
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/etc/hostname" if kind == "link out" else path.name)
    from forkcli.workspace.project import project_context

    assert [file for file in project_context(project, project / "src", None) if file.text is not None] == []


def test_a_repository_within_the_project_is_no_crash_in_a_diff(project: Path) -> None:
    (project / "nest").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=project / "nest", check=True)
    os.mkfifo(project / "pipe")
    (project / "new.txt").write_text("new\n")
    with ScriptedServer([reply("ok")]) as server:
        done = run_fork(project, server.base_url, ("show", "--diff"), {})
    assert done.returncode == 0, done.stderr
    assert b"new.txt" in done.stdout

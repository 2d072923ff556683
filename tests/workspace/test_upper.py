"""What a fork changed is told by its upper directory alone."""

import os
from pathlib import Path

import pytest
from overlay_kit import Fork, said

from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace
from forkcli.workspace.upper import touched

SCRIPTS = {
    "true": set(),
    "cat README.md src/hello.py; ls -R; git status": set(),
    "touch README.md": {("README.md", "written")},
    "rm README.md": {("README.md", "gone")},
    "rm -r src": {("src", "gone")},
    "rm -r src; mkdir src": {("src", "emptied")},
    "rm -r src; mkdir src; echo > src/new": {("src", "emptied"), ("src/new", "written")},
    "rm -r src; echo > src": {("src", "written")},
    "rm README.md; mkdir README.md; echo > README.md/x": {("README.md", "emptied"), ("README.md/x", "written")},
    "mkdir -p a/b; echo > a/b/c": {("a/b/c", "written")},
    "mv src/hello.py moved": {("src/hello.py", "gone"), ("moved", "written")},
    "echo > temp; rm temp": set(),
    "ln -s x link; mkfifo pipe": {("link", "written"), ("pipe", "written")},
    "git commit -q --allow-empty -m x": set(),
    "printf x > $'\\xff\\n:(glob)'": {("\udcff\n:(glob)", "written")},
    "mkdir sub; mkdir sub/.git; echo > sub/.git/x; mkdir sub/.fork; echo > sub/.fork/y": {
        ("sub/.git/x", "written"),
        ("sub/.fork/y", "written"),
    },
}


def told(one: ForkWorkspace) -> set[tuple[str, str]]:
    return {(os.fsdecode(change.path), change.what) for change in one.changed_paths() or ()}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_what_was_done_is_told(needs_sandbox: None, fork: Fork, script: str) -> None:
    one = fork("f1")
    await said(one, script)
    assert told(one) == SCRIPTS[script]


def test_endless_directories_are_refused(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    with pytest.raises(ForkError, match="nested"):
        list(touched(tmp_path))


def test_an_upper_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(ForkError, match="cannot be read"):
        list(touched(tmp_path / "gone"))

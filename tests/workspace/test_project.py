import os
import subprocess
from pathlib import Path

import pytest

from forkcli.errors import ForkError
from forkcli.workspace.project import find_project, is_risky_root


def test_the_project_is_the_work_tree_that_holds_the_directory(project: Path) -> None:
    (project / "src/deep").mkdir()
    found = find_project(project / "src/deep")
    assert (found.root, found.cwd, found.note) == (project, project / "src/deep", "")


def test_without_git_the_directory_itself_is_the_project(tmp_path: Path) -> None:
    found = find_project(tmp_path)
    assert found.root == tmp_path
    assert "not a git repository" in found.note


def test_links_are_resolved(project: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project)
    assert find_project(tmp_path / "alias/src").root == project


def test_linked_trees_and_nested_repositories_are_projects_of_their_own(project: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "worktree", "add", "-q", str(tmp_path / "linked")], cwd=project, check=True)
    subprocess.run(["git", "init", "-q", "nested"], cwd=project, check=True)
    assert find_project(tmp_path / "linked/src").root == tmp_path / "linked"
    assert find_project(project / "nested").root == project / "nested"


@pytest.mark.parametrize("kind", ["empty directory", "text", "pipe", "dangling"])
def test_a_git_name_that_is_no_repository_is_passed_over(project: Path, kind: str) -> None:
    marker = project / "src/.git"
    if kind == "empty directory":
        marker.mkdir()
    elif kind == "text":
        marker.write_text("hello")
    elif kind == "pipe":
        os.mkfifo(marker)
    else:
        marker.symlink_to("nowhere")
    assert find_project(project / "src").root == project


@pytest.mark.parametrize("name", ["none", "README.md", "README.md/x"])
def test_what_is_no_directory_is_said(project: Path, name: str) -> None:
    with pytest.raises(ForkError, match=r"cannot be opened|not a directory"):
        find_project(project / name)


def test_a_loop_of_links_is_said(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ForkError, match="cannot be opened"):
        find_project(tmp_path / "loop")


def test_homes_and_the_root_are_risky(sealed: Path) -> None:
    assert is_risky_root(sealed)
    assert is_risky_root(sealed.parent)
    assert is_risky_root(Path("/"))
    assert not is_risky_root(sealed / "project")

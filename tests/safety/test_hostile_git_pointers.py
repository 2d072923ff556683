"""A project's `.git` says where git's data lies. None of that may show or open anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from safety_kit import Strike

from forkcli.errors import ForkError
from forkcli.models.scripted import call
from forkcli.workspace.protect import pins, protected_paths
from forkcli.workspace.replacing import replace_file

TMP = Path("/tmp")


def _git_file(project: Path, target: str) -> None:
    (project / ".git").rename(project.parent / "away")
    (project / ".git").write_text(f"gitdir: {target}\n")


def _common_dir(project: Path, target: str) -> None:
    (project / ".git/commondir").write_text(f"{target}\n")


POINTERS = pytest.mark.parametrize("point", [_git_file, _common_dir])
Point = Callable[[Path, str], None]


@POINTERS
def test_a_pointer_at_the_users_keys_does_not_show_them_to_commands(
    needs_sandbox: None, strike: Strike, project: Path, sealed: Path, point: Point
) -> None:
    (sealed / ".ssh").mkdir(mode=0o700)
    (sealed / ".ssh/id_ed25519").write_text("PRIVATE")
    point(project, str(sealed / ".ssh"))
    (said,) = strike(call("bash", command="cat ~/.ssh/id_ed25519")).results
    assert "PRIVATE" not in said
    assert "No such file" in said


@POINTERS
@pytest.mark.parametrize("place", ["/tmp", "/run", "/proc", "/dev", "/"])
def test_a_pointer_at_the_hosts_own_places_mounts_none_of_them(project: Path, place: str, point: Point) -> None:
    point(project, place)
    assert set(protected_paths([project], [TMP, Path("/run")], [])) <= {project / ".git"}


@POINTERS
def test_a_pointer_at_a_real_repository_in_tmp_shows_it_read_only(project: Path, point: Point, tmp_path: Path) -> None:
    repository = tmp_path / "main.git"
    (repository / "objects").mkdir(parents=True)
    (repository / "HEAD").write_text("ref: refs/heads/main\n")
    point(project, str(repository))
    assert repository in protected_paths([project], [Path(tmp_path.parts[0], tmp_path.parts[1])], [])


def test_a_work_tree_that_is_its_own_git_directory_is_not_taken_for_protected(project: Path) -> None:
    _git_file(project, ".")
    with pytest.raises(ForkError, match="cannot protect"):
        protected_paths([project], [TMP], [])


def test_the_way_to_git_data_within_the_project_cannot_be_renamed(
    needs_sandbox: None, strike: Strike, project: Path
) -> None:
    (project / "deep/er").mkdir(parents=True)
    (project / ".git").rename(project / "deep/er/data")
    (project / ".git").write_text("gitdir: deep/er/data\n")
    before = (project / "deep/er/data/config").read_bytes()
    script = (
        "mv deep gone; mkdir -p deep/er/data; echo evil > deep/er/data/config; mv deep/er deep/gone; touch deep/fine"
    )
    strike(call("bash", command=script))
    assert (project / "deep/er/data/config").read_bytes() == before
    assert (project / "deep/fine").exists()


def test_the_file_tools_write_no_git_data_wherever_the_project_keeps_it(strike: Strike, project: Path) -> None:
    (project / ".git").rename(project / "data")
    (project / ".git").write_text("gitdir: data\n")
    (said,) = strike(call("write", path="data/hooks/pre-commit", content="evil")).results
    assert "belongs to git" in said
    assert not (project / "data/hooks/pre-commit").exists()


def test_common_git_data_is_not_written_under_another_name(project: Path) -> None:
    (project / "common").mkdir()
    _common_dir(project, "../common")
    (project / "link").symlink_to("common")
    base = os.open(project, os.O_RDONLY)
    try:
        for path in ("common/config", "link/config", "common/hooks/post-checkout"):
            with pytest.raises(ForkError, match="belongs to git"):
                replace_file(base, path, b"evil", shown=path)
    finally:
        os.close(base)


def test_pins_are_what_lies_between_a_root_and_a_path() -> None:
    root = Path("/work")
    found = pins([root], [root / ".git", root / "a/b/c", Path("/elsewhere/d/e")])
    assert set(found) == {root / "a", root / "a/b"}

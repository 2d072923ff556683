"""Where the changed files of forks lie, how they are removed whatever is in them, and what is said without overlays."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlay_kit import place, said, sh

from forkcli.errors import ForkError
from forkcli.workspace.base import open_fork, open_workspace, remove_layers
from forkcli.workspace.layers import elsewhere
from forkcli.workspace.overlay_probe import forget_overlay, why_no_overlay

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount in the machine's own view")


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Path]:
    """A directory on an overlay, as the whole file system of a container is."""
    for name in ("lower", "upper", "work", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower/file").write_text("image")
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(tmp_path / "c")], check=True)
    forget_overlay()
    yield tmp_path / "c"
    subprocess.run(["umount", str(tmp_path / "c")], check=True)
    forget_overlay()


@as_root
async def test_in_a_container_the_changes_go_to_the_state_directory(
    needs_sandbox: None, container: Path, tmp_path: Path, sealed: Path
) -> None:
    layers = place(container, "f1")
    main = open_workspace(container, begin=False)
    assert why_no_overlay(container, main.environ)
    one = open_fork(main, layers)
    assert one.kind == "overlay"
    assert await said(one, "cat file; echo changed > file") == "image"
    two = open_fork(one, place(container, "f2"))
    assert await said(two, "cat file; echo below > file") == "changed\n"
    await two.close()
    away = elsewhere(layers, os.environ)
    assert away is not None
    assert away.is_relative_to(sealed)
    assert (container / "file").read_text() == "image"
    await one.close()
    one = open_fork(main, layers)
    assert one.read("file", 100) == b"changed\n"
    await one.close()
    moved = away.with_name("moved")
    away.rename(moved)
    with pytest.raises(ForkError, match="which is gone"):
        open_fork(main, layers)
    moved.rename(away)
    remove_layers(layers)
    assert not away.exists()
    assert not layers.exists()
    await main.close()


@as_root
async def test_where_no_overlay_works_a_fork_is_a_checkout_and_the_rest_is_read_only(
    needs_sandbox: None, container: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(container / "state"))
    (container / "ignored").mkdir()
    (container / "ignored/file").write_text("the parent's")
    (container / "big").write_bytes(bytes(9 * 1024 * 1024))
    main = open_workspace(container, begin=False)
    with pytest.raises(ForkError, match="copy-on-write view of the project cannot be had"):
        open_fork(main, place(container, "f1"))
    one = open_fork(main, place(container, "f1"), checkout=lambda where: (where / "file").write_text("snapshot"))
    assert one.kind == "worktree"
    assert "cannot be had" in one.notes[0]
    assert str(container / "ignored") in one.notes[1]
    assert "big" in one.notes[2]
    assert await said(one, "cat file ignored/file; echo x > file") == "snapshotthe parent's"
    assert (await sh(one, "echo x > ignored/file")).exit_code != 0
    assert (await sh(one, "echo x > ignored/file", sandboxed=False)).exit_code != 0
    with pytest.raises(ForkError, match="read-only"):
        one.write("ignored/file", b"x")
    assert (container / "file").read_text() == "image"
    await one.close()
    await main.close()


def test_removing_needs_no_permission_bits_and_follows_no_link(tmp_path: Path) -> None:
    layers, outside = tmp_path / "layers", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (layers / "0/work/work").mkdir(parents=True)
    (layers / "0/upper/a").mkdir(parents=True)
    (layers / "0/upper/a/file").write_text("x")
    (layers / "0/upper/link").symlink_to(outside)
    os.mkfifo(layers / "0/upper/pipe")
    (layers / "0/upper/a").chmod(0)
    (layers / "0/work/work").chmod(0)
    remove_layers(layers)
    assert not layers.exists()
    assert (outside / "kept").read_text() == "kept"
    remove_layers(layers)


def test_removing_reaches_any_depth(tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    fd = os.open(layers, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=fd)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    remove_layers(layers)
    assert not layers.exists()


def test_layers_that_are_a_link_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("kept")
    (tmp_path / "layers").symlink_to(tmp_path / "real")
    remove_layers(tmp_path / "layers")
    assert (tmp_path / "real/file").read_text() == "kept"


@pytest.mark.parametrize("record", ["{", "[]", '"x"', "\0"])
def test_a_damaged_record_is_said(project: Path, record: str) -> None:
    layers = place(project, "f1")
    layers.mkdir(parents=True)
    (layers / "fork.json").write_text(record)
    main = open_workspace(project, begin=False, sandbox=False)
    with pytest.raises(ForkError, match="damaged"):
        open_fork(main, layers)


@pytest.mark.parametrize("record", ['{"kind": "worktree", "dirs": ["../x"]}', '{"kind": "worktree", "dirs": ["/etc"]}'])
def test_a_record_cannot_name_places_outside_of_the_project(project: Path, record: str) -> None:
    layers = place(project, "f1")
    (layers / "tree").mkdir(parents=True)
    (layers / "fork.json").write_text(record)
    main = open_workspace(project, begin=False, sandbox=False)
    with pytest.raises(ForkError, match="damaged"):
        open_fork(main, layers)


def test_a_layers_folder_that_cannot_be_made_is_said(project: Path) -> None:
    (project / ".fork").write_text("a file")
    main = open_workspace(project, begin=False, sandbox=False)
    with pytest.raises(ForkError, match="could not be made"):
        open_fork(main, place(project, "f1"))


def test_what_a_killed_try_left_is_removed_when_it_is_old(needs_sandbox: None, project: Path) -> None:
    main = open_workspace(project, begin=False)
    old, young = project / ".probe-old/upper", project / ".probe-young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old.parent, (1, 1))
    forget_overlay()
    why_no_overlay(project, main.environ)
    assert [path.name for path in project.glob(".probe-*")] == [young.name]

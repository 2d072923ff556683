"""A snapshot in a directory of its own: the same bytes, whatever the files say of themselves."""

from pathlib import Path

import pytest
from snapshot_files import Files, file, read_files, store_files, write_files

from forkcli.errors import ForkError
from forkcli.workspace.checkout import checkout
from forkcli.workspace.snapshots import Snapshots

HOSTILE: Files = {
    b".gitattributes": file("* text eol=crlf filter=evil ident working-tree-encoding=UTF-16\n"),
    b"lf": file("a\nb\n$Id$\n"),
    b"crlf": file("a\r\nb\n"),
    b"empty": file(""),
    b"run.sh": ("x", b"#!/bin/sh\n"),
    b"link": ("l", b"../outside"),
    b"a/b/c": file(b"\0\xff"),
    b"-dash": file("x"),
    b":(glob)*": file("x"),
    b"new\nline": file("x"),
    b"\xff": file("x"),
}


def made(project: Path) -> Snapshots:
    (project / ".fork").mkdir()
    return Snapshots(project / ".fork", project)


def test_every_byte_and_mode_is_as_it_was(project: Path, tmp_path: Path) -> None:
    snapshots = made(project)
    tree = store_files(snapshots, HOSTILE)
    (tmp_path / "out").mkdir()
    checkout(snapshots, tree, tmp_path / "out")
    assert read_files(tmp_path / "out") == HOSTILE
    assert list((project / ".fork/snapshots.git/indexes").glob(".checkout*")) == []


def test_what_was_taken_comes_out_again(project: Path, tmp_path: Path) -> None:
    snapshots = made(project)
    write_files(project, {**HOSTILE, b"README.md": file("changed")})
    (project / ".gitattributes").write_text("* filter=evil\n")
    taken = snapshots.take("s/main")
    (tmp_path / "out").mkdir()
    checkout(snapshots, taken.tree, tmp_path / "out")
    assert read_files(tmp_path / "out") == read_files(project)


def test_an_empty_snapshot_is_an_empty_directory(project: Path, tmp_path: Path) -> None:
    snapshots = made(project)
    (tmp_path / "out").mkdir()
    checkout(snapshots, store_files(snapshots, {}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("tree", ["", "HEAD", "--help", "0" * 40])
def test_an_unknown_snapshot_is_refused(project: Path, tmp_path: Path, tree: str) -> None:
    snapshots = made(project)
    (tmp_path / "out").mkdir()
    with pytest.raises(ForkError):
        checkout(snapshots, tree, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_directory_with_files_is_left_alone(project: Path, tmp_path: Path) -> None:
    snapshots = made(project)
    tree = store_files(snapshots, HOSTILE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")
    with pytest.raises(ForkError, match="not empty"):
        checkout(snapshots, tree, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]

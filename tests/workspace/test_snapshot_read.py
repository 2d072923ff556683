"""How two snapshots differ, one file's content, and files written out for a reader."""

import os
from pathlib import Path

import pytest
from snapshot_files import file, new_snapshots, store_files

from forkcli.errors import ForkError
from forkcli.workspace.snapshots import Change, Snapshots


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return new_snapshots(tmp_path)


def test_each_kind_of_change_is_named(snapshots: Snapshots) -> None:
    old = {b"a": file("1\n2\n"), b"b": file("b"), b"gone": file("12345"), b"l": ("l", b"x"), b"bin": file(b"\0")}
    new = {b"a": file("1\n3\n4\n"), b"b": ("x", b"b"), b"new": file(""), b"l": file("x"), b"bin": file(b"\0\0")}
    same = {b"same": file("s"), b"d/same": file("s")}
    trees = store_files(snapshots, {**old, **same}), store_files(snapshots, {**new, **same})
    assert snapshots.changes(*trees) == [
        Change("a", "modified", binary=False, added=2, removed=1),
        Change("b", "mode", binary=False, added=0, removed=0),
        Change("bin", "modified", binary=True, added=0, removed=0),
        Change("gone", "deleted", binary=False, added=0, removed=1),
        Change("l", "type", binary=False, added=0, removed=0),
        Change("new", "added", binary=False, added=0, removed=0),
    ]
    assert snapshots.changes(trees[0], trees[0]) == []


def test_a_diff_shows_renames_and_is_cut_saying_so(snapshots: Snapshots) -> None:
    text = "".join(f"line {number}\n" for number in range(50))
    old = store_files(snapshots, {b"a": file(text), b"b": file("b\n")})
    new = store_files(snapshots, {b"c": file(text.replace("line 7\n", "LINE 7\n")), b"b": file("B\n")})
    shown = snapshots.diff(old, new)
    assert "rename from a\nrename to c\n" in shown
    assert "-line 7\n+LINE 7\n" in shown
    only = snapshots.diff(old, new, ["b"])
    assert "-b\n+B\n" in only
    assert "line" not in only
    assert snapshots.diff(old, new, most_bytes=20).endswith("\n[cut after 20 bytes]\n")
    assert snapshots.diff(old, old) == ""
    with pytest.raises(ForkError, match="no path of a file"):
        snapshots.diff(old, new, ["../b"])


def test_names_are_names_in_a_diff_and_in_a_read(snapshots: Snapshots) -> None:
    names = [b"-p", b":(glob)*", b"*", b"\xff", b"a\nb", b"HEAD", b":/x"]
    tree = store_files(snapshots, {name: file(name) for name in names})
    empty = store_files(snapshots, {})
    for name in names:
        text = os.fsdecode(name)
        assert snapshots.read(tree, text) == name
        assert snapshots.diff(empty, tree, [text]).count("diff --git") == 1
    assert [os.fsencode(change.path) for change in snapshots.changes(empty, tree)] == sorted(names)


def test_a_file_that_is_not_there_is_an_error(snapshots: Snapshots) -> None:
    tree = store_files(snapshots, {b"d/a": file("a")})
    for path in ("b", "d", "d/", "", "../d/a", "/d/a"):
        with pytest.raises(ForkError, match="is not in the snapshot"):
            snapshots.read(tree, path)


def test_files_are_written_out_for_a_reader(snapshots: Snapshots, tmp_path: Path) -> None:
    files = {b"a": ("x", b"1"), b"d/e/f": file("2"), b"l": ("l", b"/etc/passwd"), b"\xff": file("3"), b"no": file("4")}
    tree = store_files(snapshots, files)
    folder = tmp_path / "out/ours"
    wanted = ["a", "d/e/f", "l", os.fsdecode(b"\xff"), "absent"]
    assert snapshots.export(tree, wanted, folder) == sorted(wanted[:4])
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / "d/e/f").read_bytes() == b"2"
    assert not (folder / "l").is_symlink()
    assert (folder / "l").read_bytes() == b"/etc/passwd"
    assert (folder / os.fsdecode(b"\xff")).read_bytes() == b"3"
    assert not (folder / "no").exists()
    assert snapshots.export(tree, [], folder) == []
    assert snapshots.export(tree, ["a"], folder) == ["a"]  # again, over the first
    with pytest.raises(ForkError, match="could not be written"):
        snapshots.export(tree, ["a"], folder / "a")


def test_very_many_names_do_not_exceed_what_a_command_takes(snapshots: Snapshots, tmp_path: Path) -> None:
    tree = store_files(snapshots, {b"a": file("1")})
    many = ["a", *(f"{'x' * 100}{number}" for number in range(2000))]
    assert snapshots.export(tree, many, tmp_path / "out") == ["a"]
    with pytest.raises(ForkError, match="too much"):
        snapshots.diff(tree, tree, many)

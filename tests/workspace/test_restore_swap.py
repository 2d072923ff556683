"""One file is added, replaced or removed only if it is what was expected, whoever comes in between."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from forkcli.workspace.restore_swap import EditedError, add_file, remove_file, replace_file, stamp_of, take_out, trade


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("staged", "project"):
        (tmp_path / name).mkdir()
    (tmp_path / "staged/new").write_text("new")
    (tmp_path / "project/file").write_text("old")
    return tmp_path


@pytest.fixture
def fds(place: Path) -> Iterator[tuple[int, int]]:
    opened = [os.open(place / name, os.O_RDONLY | os.O_DIRECTORY) for name in ("staged", "project")]
    yield opened[0], opened[1]
    for fd in opened:
        os.close(fd)


def edit(place: Path, how: str) -> None:
    path = place / "project/file"
    if how == "replaced":
        path.unlink()
        path.write_text("own")
    elif how == "written":
        path.write_text("own")
    elif how == "linked":
        path.unlink()
        path.symlink_to("own")
    elif how == "a directory":
        path.unlink()
        path.mkdir()
    elif how == "gone":
        path.unlink()


def state(place: Path) -> tuple[str, str]:
    path = place / "project/file"
    kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file" if path.exists() else "absent"
    return kind, path.read_text() if kind == "file" else ""


EDITS = ("replaced", "written", "linked", "a directory", "gone")


@pytest.mark.parametrize("how", EDITS)
@pytest.mark.parametrize("do", [replace_file, trade])
def test_an_edited_file_is_not_replaced(place: Path, fds: tuple[int, int], how: str, do) -> None:
    stamp = stamp_of((place / "project/file").lstat())
    edit(place, how)
    before = state(place)
    with pytest.raises(EditedError):
        do(fds[0], "new", fds[1], "file", stamp)
    assert state(place) == before
    assert (place / "staged/new").read_text() == "new"


@pytest.mark.parametrize("how", EDITS)
@pytest.mark.parametrize("do", [remove_file, take_out])
def test_an_edited_file_is_not_removed(place: Path, fds: tuple[int, int], how: str, do) -> None:
    stamp = stamp_of((place / "project/file").lstat())
    edit(place, how)
    before = state(place)
    if do is take_out and how in {"a directory", "gone"}:
        with pytest.raises((EditedError, OSError)):
            do((fds[0], "aside"), fds[1], "file", stamp)
    else:
        with pytest.raises(EditedError):
            do((fds[0], "aside"), fds[1], "file", stamp)
    assert state(place) == before


def test_a_file_is_never_added_over_another(place: Path, fds: tuple[int, int]) -> None:
    with pytest.raises(EditedError):
        add_file(fds[0], "new", fds[1], "file")
    assert state(place) == ("file", "old")
    edit(place, "gone")
    add_file(fds[0], "new", fds[1], "file")
    assert state(place) == ("file", "new")
    assert list((place / "staged").iterdir()) == []


def test_an_expected_file_is_replaced_and_removed_and_nothing_is_left(place: Path, fds: tuple[int, int]) -> None:
    replace_file(fds[0], "new", fds[1], "file", stamp_of((place / "project/file").lstat()))
    assert state(place) == ("file", "new")
    remove_file((fds[0], "aside"), fds[1], "file", stamp_of((place / "project/file").lstat()))
    assert state(place) == ("absent", "")
    assert list((place / "staged").iterdir()) == []


def test_a_newer_file_wins_over_one_that_was_taken_out_by_mistake(place: Path, fds: tuple[int, int]) -> None:
    stamp = stamp_of((place / "project/file").lstat())
    edit(place, "replaced")
    os.link(place / "project/file", place / "staged/kept")
    with pytest.raises(EditedError):
        take_out((fds[0], "aside"), fds[1], "file", stamp)
    assert state(place) == ("file", "own")

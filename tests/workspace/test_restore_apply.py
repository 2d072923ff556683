"""Bringing files from one snapshot to another: what is written, what never is, and what stops it."""

import os
import resource
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from snapshot_files import Files, clear_files, file, new_snapshots, read_files, store_files, write_files

from forkcli.errors import ForkError, Kind
from forkcli.workspace.restore import Applied, apply, place_of, recover
from forkcli.workspace.snapshots import Conflict, Snapshots

OLD: Files = {
    b"a": file("old a\n"),
    b"b": file("old b\n"),
    b"d/x": file("x\n"),
    b"gone": file("g\n"),
    b"same": file("s"),
}
NEW: Files = {
    b"a": file("new a\n"),
    b"b": ("x", b"old b\n"),
    b"d/y": file("y\n"),
    b"n/e/w": file("w\n"),
    b"same": file("s"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    write_files(folder, OLD)
    return folder


@pytest.fixture
def snapshots(place: Path) -> Snapshots:
    return new_snapshots(place)


def trees(snapshots: Snapshots, old: Files = OLD, new: Files = NEW) -> tuple[str, str]:
    return store_files(snapshots, old), store_files(snapshots, new)


def nothing_is_left(place: Path) -> bool:
    return [path.name for path in (place / ".fork/journal").iterdir()] == ["lock"]


def test_exactly_the_files_that_differ_are_written(place: Path, snapshots: Snapshots) -> None:
    untouched = (place / "same").stat().st_ctime_ns
    applied = apply(snapshots, *trees(snapshots), "merge of f1")
    assert read_files(place) == NEW
    assert applied.written == ("a", "b", "d/y", "n/e/w")
    assert applied.deleted == ("d/x", "gone")
    assert (place / "same").stat().st_ctime_ns == untouched
    assert nothing_is_left(place)
    assert apply(snapshots, applied.before, trees(snapshots)[1], "again") == Applied(done=True, before=applied.before)
    back = apply(snapshots, trees(snapshots)[1], applied.before, "rewind")
    assert back.done
    assert read_files(place) == OLD
    assert not (place / "n").exists()


SHAPES: list[tuple[Files, Files]] = [
    ({b"a": file("f")}, {b"a/b/c": file("d")}),
    ({b"a/b/c": file("d"), b"a/d": file("d")}, {b"a": file("f")}),
    ({b"a/b": ("l", b"..")}, {b"a": ("l", b"/etc")}),
    ({b"a": ("l", b"d"), b"d/x": file("1")}, {b"a/x": file("2"), b"d": file("3")}),
    ({b"a": ("l", b"/etc/passwd")}, {b"a": file("a file")}),
    ({b"a": file("x")}, {b"a": ("l", b"a")}),
    ({b"a": file("x"), b"a.b": file("y")}, {b"a/b": file("y"), b"a.b/c": file("x")}),
    ({b"x/y": file("1"), b"z": file("2")}, {b"x": file("2"), b"z/y": file("1")}),
    ({b"a": ("x", b"1")}, {b"a": file("1")}),
    ({b"-f": file("1"), b"\xff": file("2"), b"n\nl": file("3")}, {b"-f": file("4"), b"\xff/\xfe": file("5")}),
    ({}, {b"crlf": file(b"a\r\nb\n\r"), b"empty": file("")}),
    ({b"one": file("1")}, {}),
]


@pytest.mark.parametrize(("old", "new"), SHAPES)
def test_files_directories_and_links_turn_into_one_another(tmp_path: Path, old: Files, new: Files) -> None:
    snapshots = new_snapshots(tmp_path)
    for first, second in ((old, new), (new, old)):
        clear_files(tmp_path)
        write_files(tmp_path, first)
        assert apply(snapshots, *trees(snapshots, first, second), "merge of f1").done
        assert read_files(tmp_path) == second


@pytest.mark.parametrize(
    ("edit", "conflict"),
    [
        (lambda place: (place / "a").write_text("my a\n"), Conflict("a", "edited meanwhile")),
        (lambda place: (place / "a").write_text("OLD a\n"), Conflict("a", "edited meanwhile")),
        (lambda place: (place / "a").chmod(0o755), Conflict("a", "edited meanwhile")),
        (lambda place: (place / "a").unlink(), Conflict("a", "deleted meanwhile")),
        (lambda place: (place / "gone").write_text("kept"), Conflict("gone", "edited meanwhile")),
        (lambda place: (place / "n").write_text("mine"), Conflict("n/e/w", "n is in its way and in no snapshot")),
        (lambda place: (place / "n").symlink_to("/tmp"), Conflict("n/e/w", "n is in its way and in no snapshot")),
        (lambda place: (place / "n/e/w/mine").mkdir(parents=True), None),
        (
            lambda place: write_files(place, {b"n/e/w/mine": file("m")}),
            Conflict("n/e/w", "a directory is in its way that holds n/e/w/mine"),
        ),
        (
            lambda place: write_files(place, {b"n/e/w": file("m")}),
            Conflict("n/e/w", "a file is in its way that is in no snapshot"),
        ),
        (lambda place: write_files(place, {b"n/e/w": file("w\n")}), None),
        (lambda place: (place / "same").write_text("mine"), None),
        (lambda place: write_files(place, {b"d/mine": file("m")}), None),
    ],
)
def test_what_was_edited_meanwhile_stops_everything_and_is_not_touched(
    place: Path, snapshots: Snapshots, edit, conflict: Conflict | None
) -> None:
    edit(place)
    before = read_files(place)
    applied = apply(snapshots, *trees(snapshots), "merge of f1")
    if conflict is None:
        assert applied.done
        assert NEW.items() - read_files(place).items() <= {(b"same", file("s"))}
        mine = {path: entry for path, entry in before.items() if path not in OLD or path == b"same"}
        assert mine.items() <= read_files(place).items()
        return
    assert applied == Applied(done=False, before=trees(snapshots)[0], conflicts=(conflict,))
    assert read_files(place) == before


def test_a_directory_is_never_reached_through_a_link(place: Path, snapshots: Snapshots, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write_files(outside, {b"x": file("x\n")})
    (place / "d/x").unlink()
    (place / "d").rmdir()
    (place / "d").symlink_to(outside)
    applied = apply(snapshots, *trees(snapshots), "merge of f1")
    assert {one.path: one.why for one in applied.conflicts} == {"d/y": "d is in its way and in no snapshot"}
    assert apply(snapshots, *trees(snapshots), "merge of f1", keep_edited=True).kept
    assert read_files(outside) == {b"x": file("x\n")}


def test_ignored_files_survive_and_are_never_written_over(place: Path, snapshots: Snapshots) -> None:
    write_files(place, {b".gitignore": file("*.o\nbuilt/\n"), b"d/x.o": file("o"), b"built/x": file("b")})
    old = snapshots.take("main").tree
    new = store_files(snapshots, {**NEW, b"built": file("a file")})
    assert [one.path for one in apply(snapshots, old, new, "merge of f1").conflicts] == ["built"]
    new = store_files(snapshots, {**NEW, b"built/x": file("mine")})
    assert [one.path for one in apply(snapshots, old, new, "merge of f1").conflicts] == ["built/x"]
    assert apply(snapshots, old, store_files(snapshots, NEW), "merge of f1").done
    assert read_files(place) == {**NEW, b"d/x.o": file("o"), b"built/x": file("b")}


def test_edited_files_can_be_kept_while_the_others_are_restored(place: Path, snapshots: Snapshots) -> None:
    current = snapshots.take("main").tree
    target = store_files(snapshots, {b"a": file("1"), b"gone/x": file("2"), b"gone/y": file("3"), b"new": file("4")})
    (place / "gone").write_text("mine")
    (place / "a").write_text("mine too")
    applied = apply(snapshots, current, target, "rewind to checkpoint 3", keep_edited=True)
    assert applied.done
    assert [one.path for one in applied.kept] == ["a", "gone", "gone/x", "gone/y"]
    assert read_files(place) == {b"a": file("mine too"), b"gone": file("mine"), b"new": file("4")}


def test_permissions_stay_and_only_the_executable_bit_follows(place: Path, snapshots: Snapshots) -> None:
    (place / "a").chmod(0o600)
    (place / "b").chmod(0o640)
    umask = os.umask(0o027)
    try:
        assert apply(snapshots, *trees(snapshots), "merge of f1").done
    finally:
        os.umask(umask)
    modes = {name: stat.S_IMODE((place / name).stat().st_mode) for name in ("a", "b", "d/y", "n")}
    assert modes == {"a": 0o600, "b": 0o750, "d/y": 0o640, "n": 0o750}


def test_a_snapshot_after_it_sees_the_new_files_at_once(place: Path, snapshots: Snapshots) -> None:
    old = snapshots.take("main").tree
    new = store_files(snapshots, {**OLD, b"a": file("new a\n")})  # of equal size, in the same second
    assert apply(snapshots, old, new, "merge of f1").done
    assert snapshots.take("main").tree == new
    assert apply(snapshots, new, old, "rewind").done
    assert snapshots.take("main").tree == old


def test_a_snapshot_of_paths_that_are_never_written_is_refused(place: Path, snapshots: Snapshots) -> None:
    blob = snapshots.where.git("hash-object", "-w", "--stdin", stdin=b"evil").strip()
    for path in (b".fork", b".git", b"..", b"."):
        inner = snapshots.where.git("mktree", "-z", stdin=b"100644 blob %s\tconfig\0" % blob).strip()
        evil = snapshots.where.git("mktree", "-z", stdin=b"040000 tree %s\t%s\0" % (inner, path)).decode().strip()
        with pytest.raises(ForkError):
            apply(snapshots, store_files(snapshots, {}), evil, "merge of f1")
    assert read_files(place) == OLD
    assert not (place / ".fork/config").exists()


def test_a_disk_that_is_full_changes_nothing(place: Path, snapshots: Snapshots) -> None:
    big = {**NEW, b"big": file(os.urandom(200_000))}
    pair = trees(snapshots, OLD, big)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(ForkError, match="the merge of f1 was not begun: File too large") as caught:
            apply(snapshots, *pair, "merge of f1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.kind is Kind.STORAGE
    assert read_files(place) == OLD
    assert nothing_is_left(place)


def test_a_directory_that_cannot_be_written_to_undoes_what_was_done(place: Path, snapshots: Snapshots) -> None:
    write_files(place, {b"z/last": file("1")})
    pair = trees(snapshots, {**OLD, b"z/last": file("1")}, {**NEW, b"z/last": file("2")})
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(place / "z")], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("mounting needs privileges that are not given here")
    try:
        write_files(place, {b"z/last": file("1")})
        subprocess.run(["mount", "-o", "remount,ro", str(place / "z")], check=True)
        with pytest.raises(ForkError, match="failed: z/last: Read-only file system") as caught:
            apply(snapshots, *pair, "merge of f1")
        assert caught.value.hints == ("all files are as before",)
        assert read_files(place) == {**OLD, b"z/last": file("1")}
        subprocess.run(["mount", "-o", "remount,rw", str(place / "z")], check=True)
        assert apply(snapshots, *pair, "merge of f1").done  # across file systems
        assert read_files(place) == {**NEW, b"z/last": file("2")}
        assert [path.name for path in (place / "z").iterdir()] == ["last"]
    finally:
        subprocess.run(["umount", str(place / "z")], check=True)


def test_content_that_is_missing_changes_nothing(place: Path, snapshots: Snapshots) -> None:
    pair = trees(snapshots)
    blob = snapshots.where.git("rev-parse", f"{pair[1]}:a").decode().strip()
    (place / ".fork/snapshots.git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ForkError, match="content is missing"):
        apply(snapshots, *pair, "merge of f1")
    assert read_files(place) == OLD
    assert nothing_is_left(place)


def test_a_user_who_edits_all_the_while_loses_nothing(place: Path, snapshots: Snapshots) -> None:
    """Every line that the user writes is in the file afterwards, whoever comes in between."""
    many = {b"f%03d" % number: file("old\n") for number in range(60)}
    write_files(place, many)
    pair = trees(snapshots, {**OLD, **many}, {**OLD, **{path: file("new\n") for path in many}})
    stop = threading.Event()
    written: list[str] = []

    def user() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            path = place / f"f{59 - number % 60:03}"
            aside = place / ".my editor"
            aside.write_text(f"mine {number}\n")
            aside.rename(path)
            written.append(path.name)
            if number == 40:
                stop.set()

    thread = threading.Thread(target=user)
    thread.start()
    applied = apply(snapshots, *pair, "merge of f1")
    stop.set()
    thread.join()
    state = read_files(place)
    for name in set(written):
        assert state[name.encode()][1].startswith(b"mine")
    if not applied.done:
        assert {entry for path, entry in state.items() if path in many and path.decode() not in written} <= {
            file("old\n")
        }


def test_two_at_once_take_turns(place: Path, snapshots: Snapshots) -> None:
    old = store_files(snapshots, OLD)
    ends: list[Applied] = []
    targets = [store_files(snapshots, {**OLD, b"a": file(str(number))}) for number in range(4)]
    threads = [
        threading.Thread(target=lambda tree=tree: ends.append(apply(new_snapshots(place), old, tree, "merge")))
        for tree in targets
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(end.done for end in ends) == [False, False, False, True]
    assert all(end.conflicts == (Conflict("a", "edited meanwhile"),) for end in ends if not end.done)


def test_an_agent_s_own_copy_is_changed_and_not_the_project(place: Path, snapshots: Snapshots, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    write_files(copy, OLD)
    there = place_of(snapshots, "session/f1", copy)
    assert apply(snapshots, *trees(snapshots), "rewind", place=there).done
    assert read_files(copy) == NEW
    assert read_files(place) == OLD
    assert recover(snapshots, there) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "what": "x", "paths": []}',
        '{"version": 1, "what": "x", "paths": [["a", 1, "", 0, ""]]}',
        '{"version": 1, "what": "x", "paths": [["\\ud800\\ud800", 0, "", 0, ""]]}',
    ],
)
def test_a_damaged_record_is_set_aside_and_said(place: Path, snapshots: Snapshots, text: str) -> None:
    folder = place / ".fork/journal"
    folder.mkdir(mode=0o700)
    (folder / "1.json").write_text(text)
    said = recover(snapshots)
    assert len(said) == 1
    assert "damaged record" in said[0]
    assert (folder / "1.damaged").read_text() == text
    assert recover(snapshots) == []
    assert read_files(place) == OLD


def test_a_planted_record_writes_nothing_outside_the_project(place: Path, snapshots: Snapshots) -> None:
    tree = store_files(snapshots, {b"x": file("evil")})
    blob = snapshots.where.git("rev-parse", f"{tree}:x").decode().strip()
    folder = place / ".fork/journal"
    folder.mkdir(mode=0o700)
    for number, path in enumerate(("../evil", "/tmp/evil-by-fork", ".git/hooks/x", ".fork/config.toml", "a//b", "")):
        body = f'{{"version": 1, "what": "x", "paths": [["{path}", 0, "", 33188, "{blob}"]]}}'
        (folder / f"{number}.json").write_text(body)
    assert len(recover(snapshots)) == 6
    assert read_files(place) == OLD
    assert not (place.parent / "evil").exists()
    assert not Path("/tmp/evil-by-fork").exists()
    folder.chmod(0o755)
    (folder / "9.json").write_text(body)
    with pytest.raises(ForkError, match="was not made by fork here"):
        recover(snapshots)

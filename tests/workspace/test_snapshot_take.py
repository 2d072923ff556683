"""What a snapshot holds, and that taking one is exact, quiet and repeatable."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from snapshot_files import Files, file, git, load_files, new_snapshots, read_files, write_files

from forkcli.errors import ForkError
from forkcli.workspace.snapshots import Excluded, Limits, Snapshots


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A project without git."""
    folder = tmp_path / "plain"
    folder.mkdir()
    return folder


def test_tracked_changed_and_untracked_files_are_held_and_ignored_ones_are_not(project: Path) -> None:
    write_files(project, {b".gitignore": file("*.log\n"), b"noise.log": file("n"), b"new/deep/file": file("new")})
    (project / "README.md").write_text("changed\n")
    snapshots = new_snapshots(project)
    held = load_files(snapshots, snapshots.take("main").tree)
    expected = read_files(project)
    del expected[b"noise.log"]
    assert held == expected


def test_a_file_that_is_tracked_although_ignored_is_held_from_the_moment_it_is_tracked(project: Path) -> None:
    write_files(project, {b".gitignore": file("*.cfg\n"), b"old.cfg": file("o"), b"late.cfg": file("l")})
    git(project, "add", "-f", "old.cfg")
    snapshots = new_snapshots(project)
    assert b"old.cfg" in load_files(snapshots, snapshots.take("main").tree)
    git(project, "add", "-f", "late.cfg")
    assert {b"old.cfg", b"late.cfg"} <= set(load_files(snapshots, snapshots.take("main").tree))
    (project / "late.cfg").write_text("changed")
    assert load_files(snapshots, snapshots.take("main").tree)[b"late.cfg"] == file("changed")


def test_what_was_held_stays_held_when_it_becomes_ignored(plain: Path) -> None:
    write_files(plain, {b"data": file("1")})
    snapshots = new_snapshots(plain)
    first = snapshots.take("main").tree
    write_files(plain, {b".gitignore": file("data\n")})
    second = snapshots.take("main").tree
    assert [change.path for change in snapshots.changes(first, second)] == [".gitignore"]
    snapshots.begin("f1", second)
    assert snapshots.take("f1").tree == second


def test_all_three_lists_of_ignored_files_count(project: Path, sealed: Path) -> None:
    git(project, "config", "--global", "core.excludesFile", "~/my ignores")
    (sealed / "my ignores").write_text("*.mine\n*.kept")
    (project / ".git/info/exclude").write_text("*.here\n!b.kept")
    (project / ".gitignore").write_text("*.all\n")
    write_files(project, {name: file("x") for name in (b"a.mine", b"a.here", b"a.all", b"a.kept", b"b.kept")})
    snapshots = new_snapshots(project)
    held = load_files(snapshots, snapshots.take("main").tree)
    assert set(held) == {b".gitignore", b"README.md", b"src/hello.py", b"b.kept"}


HOSTILE: Files = {
    b"-rf": file("dash"),
    b":(glob)*": file("magic"),
    b":!x": file("magic"),
    b"new\nline": file("newline"),
    b"tab\there\\": file("tab"),
    b"quote\"'": file("quote"),
    b"\xff\xfe": file("no text"),
    b"Case": file("upper"),
    b"case": file("lower"),
    b" ": file("space"),
    b"empty": file(""),
    b"run": ("x", b"#!/bin/sh\n"),
    b"dangling": ("l", b"nowhere"),
    b"out": ("l", b"/etc/passwd"),
    b"loop": ("l", b"loop"),
    b"odd link": ("l", b"\xff\n"),
    b"mixed": file(b"a\r\nb\nc\r"),
    b"binary": file(bytes(range(256))),
    b"ident": file("$Id$ $Id: x $\n"),
    b".gitattributes": file("* text=auto eol=crlf ident\n*.u16 working-tree-encoding=UTF-16\n"),
    b"a.u16": file("\ufeffabc\n".encode("utf-16-le")),
    b".gitmodules": file('[submodule "x"]\n\tpath = ../x\n\turl = ext::sh -c true\n'),
    b"d/e/f/g": file("deep"),
}


def test_every_name_and_every_byte_survives(plain: Path) -> None:
    write_files(plain, HOSTILE)
    snapshots = new_snapshots(plain)
    taken = snapshots.take("main")
    assert load_files(snapshots, taken.tree) == HOSTILE
    assert taken.excluded == ()
    assert set(map(os.fsencode, snapshots.paths(taken.tree))) == set(HOSTILE)
    for path, (_, data) in HOSTILE.items():
        assert snapshots.read(taken.tree, os.fsdecode(path)) == data


def test_the_directories_of_git_and_fork_are_never_held(project: Path) -> None:
    snapshots = new_snapshots(project)
    write_files(project, {b".fork/config.toml": file("c"), b"sub/.GIT/hooks/x": file("x"), b"git~1": file("8.3")})
    write_files(project, {b"sub/.fork/notes/x": file("x")})
    git(project, "add", "-f", ".fork/config.toml")
    git(project, "commit", "-q", "-m", "with fork's settings")
    taken = snapshots.take("main")
    assert set(load_files(snapshots, taken.tree)) == {b"README.md", b"src/hello.py"}
    why = "a name that git or fork keeps for itself"
    names = ("git~1", "sub/.GIT/hooks/x", "sub/.fork/notes/x")
    assert taken.excluded == tuple(Excluded(name, why) for name in names)


def test_what_cannot_be_held_is_said(project: Path) -> None:
    write_files(
        project, {b".gitignore": file("ignored\n*.sock\n"), b"big": file(b"x" * 1001), b"fits": file(b"x" * 1000)}
    )
    for name in ("pipe", "src/pipe", "ignored/pipe", "empty/deeper/pipe"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(project / name)
    for name in ("listening", "hidden.sock"):
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(project / name))
    git(project, "init", "-q", "nested")
    (project / "nested/file").write_text("n")
    git(project, "init", "-q", "nested2")
    (project / "nested2/file").write_text("n")
    git(project / "nested2", "add", ".")
    git(project / "nested2", "commit", "-q", "-m", "inner")
    snapshots = Snapshots(new_snapshots(project).where.scratch_dir, project, Limits(file=1000, total=1_000_000))
    taken = snapshots.take("main")
    assert set(load_files(snapshots, taken.tree)) == {b"README.md", b"src/hello.py", b".gitignore", b"fits"}
    assert {one.path: one.why for one in taken.excluded} == {
        "big": "larger than 1000 bytes",
        "pipe": "a named pipe",
        "src/pipe": "a named pipe",
        "empty/deeper/pipe": "a named pipe",
        "listening": "a socket",
        "nested/": "a git repository of its own",
        "nested2/": "a git repository of its own",
    }
    assert snapshots.take("main") == taken


def test_a_pipe_that_comes_later_is_said_and_one_that_goes_is_not(plain: Path) -> None:
    write_files(plain, {b"d/file": file("1")})
    snapshots = new_snapshots(plain)
    assert snapshots.take("main").excluded == ()
    os.mkfifo(plain / "d/pipe")
    assert snapshots.take("main").excluded == (Excluded("d/pipe", "a named pipe"),)
    (plain / "d/pipe").unlink()
    (plain / "new").mkdir()
    os.mkfifo(plain / "new/pipe")
    assert snapshots.take("main").excluded == (Excluded("new/pipe", "a named pipe"),)


def test_what_is_on_disk_but_can_no_longer_be_held_is_not_recorded_as_deleted(plain: Path) -> None:
    write_files(plain, {b"grows": file("small"), b"becomes a pipe": file("f"), b"stays": file("s")})
    made = new_snapshots(plain)
    snapshots = Snapshots(made.where.scratch_dir, plain, Limits(file=1000, total=1_000_000))
    first = snapshots.take("main").tree
    (plain / "grows").write_bytes(b"x" * 5000)
    (plain / "becomes a pipe").unlink()
    os.mkfifo(plain / "becomes a pipe")
    taken = snapshots.take("main")
    assert snapshots.changes(first, taken.tree) == []
    assert [one.path for one in taken.excluded] == ["becomes a pipe", "grows"]


def test_files_that_are_too_large_together_are_left_out_largest_first(plain: Path) -> None:
    write_files(plain, {b"a": file(b"x" * 600), b"b": file(b"y" * 300), b"c": file(b"z" * 200)})
    made = new_snapshots(plain)
    snapshots = Snapshots(made.where.scratch_dir, plain, Limits(file=1000, total=600))
    taken = snapshots.take("main")
    assert set(load_files(snapshots, taken.tree)) == {b"b", b"c"}
    assert [one.path for one in taken.excluded] == ["a"]


def test_a_file_that_cannot_be_read_is_said_and_not_lost(plain: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from snapshot_files import *; folder = Path(sys.argv[1]);"
        "(folder.parent / 'first').mkdir(); new_snapshots(folder.parent / 'first').take('main');"  # loads all modules
        "os.geteuid() or (os.setgid(65534), os.setuid(65534));"
        "snapshots = new_snapshots(folder); one = snapshots.take('main'); print(one.excluded);"
        "(folder / 'file').chmod(0); (folder / 'folder').chmod(0);"
        "two = snapshots.take('main'); print(one.tree == two.tree, [(x.path, x.why) for x in two.excluded]);"
        "(folder / 'folder').chmod(0o755)"
    )
    write_files(plain, {b"file": file("f"), b"folder/inner": file("i")})
    for path in (plain, plain / "file", plain / "folder", plain / "folder/inner"):
        os.chown(path, 65534 if os.geteuid() == 0 else -1, -1)
    for upper in plain.parents:
        if upper.stat().st_uid == os.geteuid() and upper != Path("/"):
            upper.chmod(stat.S_IMODE(upper.stat().st_mode) | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", program, str(plain), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": "/nonexistent", "TMPDIR": "/tmp"},
    )
    expected = "True [('file', 'cannot be read'), ('folder/', 'the directory cannot be read')]"
    assert done.stdout.splitlines() == ["()", expected], done.stderr


def test_edits_of_equal_size_within_the_same_second_are_not_missed(plain: Path) -> None:
    write_files(plain, {b"file": file("00000"), b"other": file("-")})
    snapshots = new_snapshots(plain)
    for number in range(12):
        (plain / "file").write_text(f"{number:05}")
        assert snapshots.read(snapshots.take("main").tree, "file") == f"{number:05}".encode()


def test_a_fork_s_index_misses_no_edit_within_the_same_second_either(plain: Path) -> None:
    write_files(plain, {b"file": file("0000")})
    snapshots = new_snapshots(plain)
    for number in range(1, 6):
        tree = snapshots.take("main").tree
        snapshots.begin(f"f{number}", tree, like="main")
        (plain / "file").write_text(f"{number:04}")
        assert snapshots.read(snapshots.take(f"f{number}").tree, "file") == f"{number:04}".encode()


def test_each_kind_of_change_is_seen(plain: Path) -> None:
    write_files(plain, {b"a": file("1"), b"d/x": file("1"), b"f": file("1"), b"l": ("l", b"1"), b"gone/x": file("1")})
    snapshots = new_snapshots(plain)
    snapshots.take("main")
    (plain / "a").chmod(0o755)
    (plain / "d/x").unlink()
    (plain / "d").rmdir()
    (plain / "d").write_text("a file now")
    (plain / "f").unlink()
    write_files(plain, {b"f/inner": file("a folder now")})
    (plain / "l").unlink()
    (plain / "l").write_text("1")
    (plain / "gone/x").unlink()
    (plain / "gone").rmdir()
    (plain / "gone").symlink_to("f")
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(plain)


@pytest.mark.parametrize("deep", ["", "deeper/"])
def test_a_link_in_the_place_of_a_directory_leads_no_snapshot_out_of_the_project(
    project: Path, tmp_path: Path, deep: str
) -> None:
    outside = tmp_path / "outside"
    (outside / deep / "folder").mkdir(parents=True)
    (outside / "empty").mkdir()
    os.mkfifo(outside / deep / "pipe")
    write_files(project, {f"held/{deep}x".encode(): file("1")})
    snapshots = new_snapshots(project)
    snapshots.take("main")
    shutil.rmtree(project / "held")
    (project / "held").symlink_to(outside)
    taken = snapshots.take("main")
    assert taken.excluded == ()
    assert load_files(snapshots, taken.tree) == read_files(project)


def test_the_same_files_are_the_same_snapshot_for_every_agent_and_process(project: Path) -> None:
    first = new_snapshots(project).take("20261122-0925-k3f/main")
    assert new_snapshots(project).take("another/f1") == first
    assert new_snapshots(project).take("20261122-0925-k3f/main") == first


def test_a_new_agent_does_not_inherit_what_another_held_of_ignored_files(plain: Path) -> None:
    write_files(plain, {b"made/by": file("1"), b"kept": file("1")})
    new_snapshots(plain).take("first")
    write_files(plain, {b".gitignore": file("made\n")})
    snapshots = new_snapshots(plain)
    assert set(load_files(snapshots, snapshots.take("second").tree)) == {b"kept", b".gitignore"}


def test_agents_are_snapshotted_at_once_from_many_threads(plain: Path) -> None:
    write_files(plain, {b"%d" % number: file(str(number)) for number in range(50)})
    snapshots = new_snapshots(plain)
    taken: list[str] = []
    threads = [
        threading.Thread(target=lambda name=name: taken.append(snapshots.take(name).tree))
        for name in ("a", "b", "c", "a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 5
    assert len(set(taken)) == 1


def test_a_project_that_changes_all_the_while_is_snapshotted(plain: Path) -> None:
    write_files(plain, {b"steady": file("1")})
    snapshots = new_snapshots(plain)
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            path = plain / f"f{number % 7}"
            if path.exists():
                path.unlink()
            else:
                path.write_text(str(number))

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(8):
            assert snapshots.read(snapshots.take("main").tree, "steady") == b"1"
    finally:
        stop.set()
        thread.join()
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(plain)


def test_an_empty_project_has_an_empty_snapshot(plain: Path) -> None:
    snapshots = new_snapshots(plain)
    assert snapshots.paths(snapshots.take("main").tree) == []
    write_files(plain, {b"a": file("1")})
    snapshots.take("main")
    (plain / "a").unlink()
    assert snapshots.paths(snapshots.take("main").tree) == []


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", "deep/.gitignore"])
def test_a_pipe_that_git_would_wait_for_is_named(plain: Path, name: str) -> None:
    write_files(plain, {b"deep/file": file("1")})
    snapshots = new_snapshots(plain)
    snapshots.take("main")
    os.mkfifo(plain / name)
    with pytest.raises(ForkError, match=f"{name} is not a regular file"):
        snapshots.take("main")


@pytest.mark.parametrize("name", ["", "../x", "a b", ".x", "x.lock", "a..b", "x" * 200])
def test_a_bad_name_of_an_agent_is_refused(plain: Path, name: str) -> None:
    with pytest.raises(ForkError, match="no name for an agent"):
        new_snapshots(plain).take(name)


def test_a_home_directory_is_not_snapshotted_unasked(sealed: Path) -> None:
    snapshots = new_snapshots(sealed)
    with pytest.raises(ForkError, match="too wide to be snapshotted unasked"):
        snapshots.take("main")
    asked = Snapshots(sealed / ".fork", sealed, wide=True)
    assert b".gitconfig" in load_files(asked, asked.take("main").tree)


def test_nothing_is_left_beside_the_indexes(plain: Path) -> None:
    write_files(plain, {b"a": file("1")})
    snapshots = new_snapshots(plain)
    tree = snapshots.take("s/main").tree
    snapshots.begin("s/f1", tree, like="s/main")
    snapshots.take("s/main")
    assert sorted(path.name for path in (plain / ".fork/snapshots.git/indexes").iterdir()) == [
        "+warm",
        "s+f1",
        "s+main",
    ]
    assert [path.name for path in plain.iterdir() if path.name != ".fork"] == ["a"]

"""Snapshots of repositories of every kind, and that none of them makes fork run or write anything."""

import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from snapshot_files import Files, file, git, load_files, new_snapshots, read_files, store_files, write_files

from forkcli.errors import ForkError, Kind
from forkcli.workspace.gitrun import GitResult
from forkcli.workspace.snapshots import Excluded, Snapshots


def git_files(folder: Path) -> Files:
    """Everything in a repository's git directory, with its times."""
    return {
        os.fsencode(path): (str(path.lstat().st_mtime_ns), path.read_bytes())
        for path in sorted((folder / ".git").rglob("*"))
        if path.is_file()
    }


def test_the_user_s_git_directory_is_not_touched(project: Path) -> None:
    write_files(project, {b"staged": file("s"), b"untracked": file("u")})
    git(project, "add", "staged")
    git(project, "stash", "push", "-q", "staged")
    before = git_files(project)
    snapshots = new_snapshots(project)
    tree = snapshots.take("main").tree
    snapshots.begin("f1", tree, like="main")
    snapshots.take("f1")
    assert git_files(project) == before


def test_tracked_files_are_taken_over_in_one_pack(project: Path) -> None:
    write_files(project, {b"%d" % number: file(f"{number}\n" * 100) for number in range(100)})
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "many")
    snapshots = new_snapshots(project)
    tree = snapshots.take("main").tree
    objects = project / ".fork/snapshots.git/objects"
    assert len(list(objects.glob("pack/*.pack"))) == 1
    assert len(list(objects.glob("??/*"))) <= 3  # trees
    assert not (objects / "info/alternates").exists()
    (project / ".git").rename(project.parent / "gone")
    assert load_files(snapshots, tree) == read_files(project)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write_files(tmp_path, {b"staged": file("s"), b"untracked": file("u")})
    git(tmp_path, "add", "staged")
    snapshots = new_snapshots(tmp_path)
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(tmp_path)


def test_a_directory_in_a_repository_of_somebody_else_is_a_project_of_its_own(project: Path) -> None:
    folder = project / "src"
    write_files(folder, {b".gitignore": file("*.o\n"), b"x.o": file("o"), b"deep/x": file("x")})
    snapshots = new_snapshots(folder)
    assert set(load_files(snapshots, snapshots.take("main").tree)) == {b".gitignore", b"hello.py", b"deep/x"}


def test_a_linked_work_tree(project: Path, tmp_path: Path) -> None:
    (project / ".git/info/exclude").write_text("secret\n")
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "--detach", str(linked))
    write_files(linked, {b"new": file("n"), b"secret": file("s")})
    snapshots = new_snapshots(linked)
    held = load_files(snapshots, snapshots.take("main").tree)
    assert set(held) == {b"README.md", b"src/hello.py", b"new"}


@pytest.mark.parametrize("sparse_index", [False, True])
def test_a_sparse_checkout_never_becomes_a_deletion(project: Path, sparse_index: bool) -> None:
    write_files(project, {b"in/a": file("a"), b"out/b": file("b"), b"out/c": file("c")})
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "two folders")
    whole = new_snapshots(project)
    full = whole.take("main").tree
    git(project, "sparse-checkout", "init", "--cone", *(["--sparse-index"] if sparse_index else []))
    git(project, "sparse-checkout", "set", "in")
    assert not (project / "out").exists()
    assert whole.take("main").tree == full  # what was there before stays in the snapshots of the same agent
    fresh = new_snapshots(project)
    assert fresh.take("main").tree == full
    other = project.parent / "clone"
    git(project.parent, "clone", "-q", "--no-checkout", str(project), str(other))
    git(other, "sparse-checkout", "init", "--cone")
    git(other, "sparse-checkout", "set", "in")
    git(other, "checkout", "-q", "main")
    snapshots = new_snapshots(other)
    first = snapshots.take("main").tree
    write_files(other, {b"in/new": file("n")})
    second = snapshots.take("main").tree
    assert [(change.path, change.kind) for change in snapshots.changes(first, second)] == [("in/new", "added")]
    git(other, "sparse-checkout", "disable")
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(other)


def test_submodules_are_said(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "library")
    write_files(tmp_path / "library", {b"code": file("c")})
    git(tmp_path / "library", "add", ".")
    git(tmp_path / "library", "commit", "-q", "-m", "code")
    git(project, "submodule", "--quiet", "add", str(tmp_path / "library"), "lib")
    snapshots = new_snapshots(project)
    taken = snapshots.take("main")
    assert set(load_files(snapshots, taken.tree)) == {b"README.md", b"src/hello.py", b".gitmodules"}
    assert taken.excluded == (Excluded("lib/", "a submodule"),)


def test_a_folder_that_becomes_a_repository_keeps_what_was_held(project: Path) -> None:
    snapshots = new_snapshots(project)
    first = snapshots.take("main").tree
    git(project / "src", "init", "-q")
    (project / "src/hello.py").write_text("changed\n")
    second = snapshots.take("main").tree
    assert [(change.path, change.kind) for change in snapshots.changes(first, second)] == [("src/hello.py", "modified")]


def test_a_file_that_becomes_a_repository_is_gone(project: Path) -> None:
    snapshots = new_snapshots(project)
    first = snapshots.take("main").tree
    (project / "README.md").unlink()
    git(project, "init", "-q", "README.md")
    (project / "README.md/x").write_text("x")
    git(project / "README.md", "add", ".")
    git(project / "README.md", "commit", "-q", "-m", "x")
    taken = snapshots.take("main")
    assert [(change.path, change.kind) for change in snapshots.changes(first, taken.tree)] == [("README.md", "deleted")]
    assert [one.why for one in taken.excluded] == ["a git repository of its own"]


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    write_files(tmp_path, {b"a": file("a"), b"b": ("x", b"b")})
    git(tmp_path, "add", "a")
    snapshots = new_snapshots(tmp_path)
    tree = snapshots.take("main").tree
    assert len(tree) == 64
    assert load_files(snapshots, tree) == read_files(tmp_path)
    assert new_snapshots(tmp_path).take("other").tree == tree


def test_a_split_index_and_a_conflict_in_it(project: Path) -> None:
    write_files(project, {b".gitignore": file("*.cfg\n"), b"x.cfg": file("c")})
    git(project, "add", "-f", "x.cfg")
    git(project, "commit", "-q", "-m", "config")
    git(project, "checkout", "-q", "-b", "side")
    (project / "README.md").write_text("side\n")
    git(project, "commit", "-qam", "side")
    git(project, "checkout", "-q", "main")
    (project / "README.md").write_text("main\n")
    git(project, "commit", "-qam", "main")
    subprocess.run(["git", "merge", "-q", "side"], cwd=project, capture_output=True, check=False)
    git(project, "update-index", "--split-index")
    snapshots = new_snapshots(project)
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(project)


def test_missing_and_broken_git_data_cost_nothing_but_time(project: Path) -> None:
    for path in (project / ".git/objects").glob("??/*"):
        path.unlink()
    snapshots = new_snapshots(project)
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(project)
    (project / ".git/index").write_bytes(b"DIRC nonsense")
    (project / ".git/config").write_text("[broken")
    assert load_files(snapshots, new_snapshots(project).take("other").tree) == read_files(project)


def test_objects_that_lie_about_their_content_are_not_believed(project: Path) -> None:
    for path, lie in (("HEAD:README.md", b"blob 5\0evil\n"), ("HEAD:src", b"tree 0\0")):
        name = git(project, "rev-parse", path)
        loose = project / ".git/objects" / name[:2] / name[2:]
        loose.chmod(0o644)
        loose.write_bytes(zlib.compress(lie))
    snapshots = new_snapshots(project)
    assert load_files(snapshots, snapshots.take("main").tree) == read_files(project)


def test_content_that_was_damaged_is_noticed_when_it_is_read(project: Path) -> None:
    snapshots = new_snapshots(project)
    tree = snapshots.take("main").tree
    pack = next((project / ".fork/snapshots.git/objects/pack").glob("*.pack"))
    pack.chmod(0o600)
    blob = zlib.compress(b"# A project\n")
    data = pack.read_bytes()
    assert data.count(blob[2:8]) == 1
    pack.write_bytes(data.replace(blob[2:8], bytes(b ^ 1 for b in blob[2:8])))
    with pytest.raises(ForkError, match=r"damaged|missing|git failed"):
        new_snapshots(project).read(tree, "README.md")


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, str]:
    """A program that leaves a trace when it is run, and the trace."""
    trace = tmp_path / "TRACE"
    program = tmp_path / "payload"
    program.write_text(f"#!/bin/sh\necho ran >> '{trace}'\ncat\n")
    program.chmod(0o755)
    return trace, str(program)


def hostile_config(payload: str) -> str:
    return f"""
[core]
	repositoryformatversion = 0
	fsmonitor = {payload}
	hooksPath = {Path(payload).parent / "hooks"}
	attributesFile = {Path(payload).parent / "attributes"}
	sshCommand = {payload}
	pager = {payload}
	editor = {payload}
	alternateRefsCommand = {payload}
	splitIndex = true
[uploadpack]
	packObjectsHook = {payload}
[filter "x"]
	clean = {payload}
	smudge = {payload}
	process = {payload}
	required = true
[diff "x"]
	command = {payload}
	textconv = {payload}
[diff]
	external = {payload}
[merge "x"]
	driver = {payload} %A
[merge]
	default = x
[protocol "ext"]
	allow = always
[extensions]
	partialClone = origin
[remote "origin"]
	promisor = true
	url = ext::{payload} %S
"""


def test_nothing_that_a_hostile_repository_names_is_run(project: Path, trap: tuple[Path, str]) -> None:
    trace, payload = trap
    hooks = project.parent / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "update", "fsmonitor"):
        (hooks / name).symlink_to(payload)
    (project / ".gitattributes").write_text("* filter=x diff=x merge=x text=auto\n")
    (project / ".git/config").write_text(hostile_config(payload))
    (project / ".git/hooks").rename(project / ".git/old hooks")
    (project / ".git/hooks").symlink_to(hooks)
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text("* filter=x\n")
    for path in list((project / ".git/objects").glob("??/*"))[:2]:
        path.unlink()  # a lazy fetch would ask the remote for these
    snapshots = new_snapshots(project)
    first = snapshots.take("main").tree
    write_files(project, {b"new": file("1\n"), b"src/hello.py.orig": file("2\n")})
    second = snapshots.take("main").tree
    (project / "README.md").write_text("other\n")
    third = snapshots.take("main").tree
    snapshots.diff(first, third)
    snapshots.changes(first, third)
    assert snapshots.merge(first, second, third).tree == third
    assert load_files(snapshots, third) == read_files(project)
    assert not trace.exists()
    subprocess.run(["git", "status"], cwd=project, capture_output=True, check=False)
    assert trace.exists()  # what a git without care would have run


def test_a_planted_snapshot_directory_is_refused_or_made_harmless(project: Path, trap: tuple[Path, str]) -> None:
    trace, payload = trap
    snapshots = new_snapshots(project)
    tree = snapshots.take("main").tree
    folder = project / ".fork/snapshots.git"
    (folder / "config").write_text(hostile_config(payload))
    (folder / "config.worktree").write_text(hostile_config(payload))
    (folder / "info/attributes").write_text("* filter=x merge=x diff=x\n")
    (folder / "objects/info/alternates").write_text(f"{project}/.git/objects\n")
    (folder / "commondir").write_text(f"{project}/.git\n")
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks/post-index-change").symlink_to(payload)
    (project / "README.md").write_text("other\n")
    again = new_snapshots(project)
    assert load_files(again, again.take("main").tree) == read_files(project)
    assert not (folder / "objects/info/alternates").exists()
    again.diff(tree, again.take("main").tree)
    assert not trace.exists()
    folder.chmod(0o755)
    with pytest.raises(ForkError, match="was not made by fork here") as caught:
        new_snapshots(project).take("main")
    assert caught.value.kind is Kind.STORAGE


def test_a_symbolic_link_in_the_place_of_the_snapshots_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    snapshots = new_snapshots(project)
    (project / ".fork/snapshots.git").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForkError, match="was not made by fork here"):
        snapshots.take("main")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_killed_processes_left_is_swept_when_it_is_old(project: Path) -> None:
    new_snapshots(project).take("main")
    folder = project / ".fork/snapshots.git"
    (folder / "objects/pack").mkdir(exist_ok=True)
    (folder / "objects/ab").mkdir(exist_ok=True)
    left = [folder / "objects/pack/tmp_pack_x", folder / "objects/ab/tmp_obj_x", folder / "indexes/.main.0.lock"]
    for path in left:
        path.write_text("x")
    new_snapshots(project).take("main")
    assert all(path.exists() for path in left)
    for path in left:
        os.utime(path, (1, 1))
    new_snapshots(project).take("main")
    assert not any(path.exists() for path in left)


def test_snapshots_outlive_a_garbage_collection(project: Path) -> None:
    snapshots = new_snapshots(project)
    write_files(project, {b"only here": file("1")})
    tree = snapshots.take("main").tree
    subprocess.run(
        ["git", "--git-dir", str(project / ".fork/snapshots.git"), "gc", "--prune=now", "-q"], check=True, cwd=project
    )
    assert load_files(snapshots, tree) == read_files(project)


def test_files_that_only_another_namespace_shows_are_snapshotted(
    project: Path, tmp_path: Path, needs_sandbox: None
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(project), str(copy)], check=True)
    snapshots = new_snapshots(project)
    base = snapshots.take("main").tree
    write_files(copy, {b"only in the copy": file("c"), b".gitignore": file("*.cfg\n"), b"x.cfg": file("c")})
    git(copy, "add", "-f", "x.cfg")
    (copy / "README.md").unlink()
    os.mkfifo(copy / "pipe")

    def inside(argv: Sequence[str], env: Mapping[str, str], stdin: bytes) -> GitResult:
        mounts = ["--bind", "/", "/", "--bind", str(copy), str(project)]
        mounts += ["--bind", str(project / ".fork"), str(project / ".fork")]
        bwrap = ["bwrap", "--unshare-user", *mounts, "--dev", "/dev", "--", *argv]
        done = subprocess.run(bwrap, env=dict(env), input=stdin, capture_output=True, check=False)
        return GitResult(done.returncode, done.stdout, done.stderr.decode())

    snapshots.begin("f1", base, like="main")
    taken = snapshots.take("f1", tree=copy, run_git=inside)
    assert load_files(snapshots, taken.tree) == read_files(copy)
    assert taken.excluded == (Excluded("pipe", "a named pipe"),)
    assert snapshots.take("main").tree == base


def test_git_that_is_missing_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = Snapshots(project / ".fork", project)
    with pytest.raises(ForkError, match="no snapshot's id"):
        snapshots.changes("HEAD", "--output=x")
    with pytest.raises(ForkError, match="cannot be used"):
        snapshots.take("main")  # the scratch directory is not there


def test_a_tree_that_was_never_stored_is_an_error_and_no_harm(project: Path) -> None:
    snapshots = new_snapshots(project)
    tree = store_files(snapshots, {b"a": file("a")})
    with pytest.raises(ForkError, match="git failed"):
        snapshots.changes(tree, "0" * 39 + "1")
    with pytest.raises(ForkError, match="git failed"):
        snapshots.begin("f1", "0" * 39 + "1")

"""A fork whose parent goes on working stands on a checkout of the snapshot at the fork."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from overlay_kit import Fork, git, listing, place, said, sh

from forkcli.errors import ForkError
from forkcli.workspace.base import open_fork, open_workspace, remove_layers

pytestmark = pytest.mark.usefixtures("needs_sandbox")


def snapshot(project: Path, folder: Path) -> Callable[[Path], None]:
    """What a snapshot does: keep tracked and untracked files, and bring them into a directory later."""
    names = git(project, "ls-files", "-z", "-c", "-o", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, folder / name, follow_symlinks=False)

    def checkout(where: Path) -> None:
        assert list(where.iterdir()) == []
        shutil.copytree(folder, where, symlinks=True, dirs_exist_ok=True)

    return checkout


@pytest.fixture
def checkout(project: Path, tmp_path: Path) -> Callable[[Path], None]:
    (project / ".gitignore").write_text("node_modules\n.env\nbig\n__pycache__\n.fork\n")
    (project / "node_modules/a").mkdir(parents=True)
    (project / "node_modules/a/index.js").write_text("installed")
    (project / "src/__pycache__").mkdir()
    (project / "src/build").mkdir()
    (project / ".env").write_text("SECRET=1")
    (project / ".env").chmod(0o600)
    (project / "README.md").write_text("uncommitted")
    with (project / "big").open("wb") as file:
        file.truncate(9 * 1024 * 1024)
    (tmp_path / "kept").mkdir()
    return snapshot(project, tmp_path / "kept")


async def test_it_sees_the_snapshot_and_what_is_ignored_whatever_the_parent_does(
    project: Path, fork: Fork, checkout: Callable[[Path], None]
) -> None:
    one = fork("f1", waits=False, checkout=checkout)
    assert one.kind == "worktree"
    assert one.notes == ("missing, since snapshots do not hold it: big",)
    assert one.changed_paths() is None
    (project / "README.md").write_text("the parent goes on")
    (project / "src/later").write_text("later")
    git(project, "commit", "-qam", "Later")
    assert await said(one, "pwd; cat README.md .env node_modules/a/index.js; stat -c %a .env; ls src") == (
        f"{project}\nuncommittedSECRET=1installed600\nbuild\nhello.py\n"
    )
    assert one.read("README.md", 100) == b"uncommitted"
    assert await said(one, "git log --format=%s; git status --short") == "Begin\n M README.md\n?? .gitignore\n"


async def test_what_it_does_stays_its_own(project: Path, fork: Fork, checkout: Callable[[Path], None]) -> None:
    one = fork("f1", waits=False, checkout=checkout)
    before = listing(project)
    one.write("README.md", b"in the fork")
    one.write("node_modules/a/index.js", b"in the fork")
    await said(one, "rm -r src; echo x > .env; git add -A; git commit -qm fork; git gc -q; git stash list")
    await said(one, "cat README.md node_modules/a/index.js", sandboxed=False)
    await sh(one, "rm -rf .* *")
    assert listing(project) == before
    git(project, "fsck", "--strict")
    assert (await sh(one, "touch .fork/x")).exit_code != 0
    assert await said(one, "ls -A .fork/sessions/s/agents/f1/layers") == ""


async def test_it_is_opened_again_without_the_snapshot(
    project: Path, fork: Fork, checkout: Callable[[Path], None]
) -> None:
    one = fork("f1", waits=False, checkout=checkout)
    await said(one, "echo kept > kept; echo mine > node_modules/mine; git commit -qm fork --allow-empty")
    await one.close()
    again = fork("f1")
    assert again.kind == "worktree"
    assert again.notes == one.notes
    assert await said(again, "cat kept node_modules/mine; git log --format=%s -n 1") == "kept\nmine\nfork\n"
    await again.close()
    remove_layers(place(project, "f1"))
    assert not place(project, "f1").exists()


async def test_a_checkout_that_was_cut_short_is_made_anew(
    project: Path, fork: Fork, checkout: Callable[[Path], None]
) -> None:
    def cut(where: Path) -> None:
        checkout(where)
        raise OSError(28, "No space left on device")

    with pytest.raises(ForkError, match="No space left"):
        fork("f1", waits=False, checkout=cut)
    one = fork("f1", waits=False, checkout=checkout)
    assert one.read("README.md", 100) == b"uncommitted"


async def test_without_a_snapshot_there_is_no_such_fork(project: Path, fork: Fork) -> None:
    with pytest.raises(ForkError, match="no snapshot to begin from"):
        fork("f1", waits=False)


async def test_forks_go_on_from_a_checkout(project: Path, fork: Fork, checkout: Callable[[Path], None]) -> None:
    one = fork("f1", waits=False, checkout=checkout)
    await said(one, "echo one > one; echo one > node_modules/one; git commit -qm one --allow-empty")
    two = fork("f2", one)
    assert two.kind == "overlay"
    assert await said(two, "cat one node_modules/one; rm one node_modules/one; git log --format=%s -n1") == (
        "one\none\none\n"
    )
    assert await said(one, "cat one node_modules/one") == "one\none\n"
    assert {(touched.path, touched.what) for touched in two.changed_paths() or ()} == {(b"one", "gone")}
    above = fork("f3")
    await said(above, "echo above > above; echo above > node_modules/above")
    below = fork("f4", above, waits=False, checkout=checkout)
    assert await said(below, "cat README.md node_modules/above; echo b > node_modules/b") == "uncommittedabove\n"
    assert not (project / "node_modules/b").exists()
    assert above.stat("node_modules/b").kind == "absent"


async def test_a_linked_work_tree_has_its_git_directory_too(
    project: Path, tmp_path: Path, checkout: Callable[[Path], None]
) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "-b", "side", str(linked))
    main = open_workspace(linked, begin=False)
    (tmp_path / "other").mkdir()
    one = open_fork(main, place(linked, "f1"), waits=False, checkout=snapshot(linked, tmp_path / "other"))
    assert await said(one, "git commit -q --allow-empty -m fork; git log --format=%s") == "fork\nBegin\n"
    assert git(linked, "log", "--format=%s", "--all") == "Begin\n"
    await one.close()
    await main.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount in the machine's own view")
async def test_a_mount_inside_the_project_makes_it_a_checkout(
    project: Path, tmp_path: Path, checkout: Callable[[Path], None]
) -> None:
    (project / "src/build").mkdir(exist_ok=True)
    git(project, "init", "-q")
    import subprocess

    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(project / "src/build")], check=True)
    main = open_workspace(project, begin=False)
    try:
        (project / "src/build/made").write_text("built")
        with pytest.raises(ForkError, match="mounted at"):
            open_fork(main, place(project, "f1"))
        one = open_fork(main, place(project, "f1"), checkout=checkout)
        assert one.kind == "worktree"
        assert "mounted at" in one.notes[0]
        assert await said(one, "cat src/build/made; echo x > src/build/made; cat src/build/made") == "builtx\n"
        assert (project / "src/build/made").read_text() == "built"
        await one.close()
    finally:
        await main.close()
        subprocess.run(["umount", str(project / "src/build")], check=True)

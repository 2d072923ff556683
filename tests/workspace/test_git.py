"""What git says, in repositories of every kind, and that hostile ones execute nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from forkcli.errors import ForkError
from forkcli.workspace.git import diff, quick_state
from forkcli.workspace.gitdirs import quick_branch
from forkcli.workspace.untracked import MOST_FILES


def _git(folder: Path, *words: str) -> str:
    options = ["-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *options, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_changes_are_listed_and_shown_against_the_last_commit(project: Path) -> None:
    (project / "README.md").write_text("# Changed\n")
    (project / "staged").write_text("s\n")
    _git(project, "add", "staged")
    (project / "new file").write_text("n\n")
    text = await diff(project)
    assert "-# A project\n+# Changed\n" in text
    assert "+++ b/staged" in text
    assert text.endswith("Untracked files:\n  new file\n")


async def test_a_clean_tree_has_no_diff(project: Path) -> None:
    assert await diff(project) == ""
    assert quick_branch(project) == "main"
    assert quick_state(project) == f"branch main, {_git(project, 'rev-parse', 'HEAD')[:10]}"


async def test_without_git_it_is_said(tmp_path: Path) -> None:
    assert (quick_branch(tmp_path), quick_state(tmp_path)) == ("", "none")
    with pytest.raises(ForkError, match="not a git repository"):
        await diff(tmp_path)


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
async def test_a_repository_without_a_commit_is_compared_with_nothing(tmp_path: Path, kind: str) -> None:
    _git(tmp_path, "init", "-q", f"--object-format={kind}", "-b", "trunk")
    (tmp_path / "a").write_text("a\n")
    _git(tmp_path, "add", "a")
    assert quick_state(tmp_path) == "branch trunk, no commit yet"
    assert "+a\n" in await diff(tmp_path)


async def test_a_detached_head_and_packed_branches_are_read(project: Path) -> None:
    commit = _git(project, "rev-parse", "HEAD")
    _git(project, "pack-refs", "--all")
    assert quick_state(project) == f"branch main, {commit[:10]}"
    _git(project, "checkout", "-q", "--detach")
    assert quick_branch(project) == commit[:10]
    assert quick_state(project) == f"detached HEAD, {commit[:10]}"


async def test_linked_trees_and_submodules_are_read(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    _git(project, "worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "new").touch()
    assert (await diff(linked)).endswith("Untracked files:\n  new\n")
    assert quick_branch(linked) == "side"
    _git(project, "submodule", "add", "-q", str(linked), "sub")
    (project / "sub/README.md").write_text("x\n")
    assert "+x" in await diff(project / "sub")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_what_has_changed_in_a_repository_of_another_owner_is_shown_too(project: Path) -> None:
    os.chown(project / ".git", 65534, 65534)
    (project / "README.md").write_text("x\n")
    assert "+x" in await diff(project)


@pytest.fixture
def trap(project: Path, tmp_path: Path) -> Iterator[Path]:
    """A repository that tries to run something at every turn; yields the file that it would make."""
    sign = tmp_path / "EXECUTED"
    evil = project / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {sign}\ncat\n")
    evil.chmod(0o755)
    settings = {
        "core.fsmonitor": evil,
        "core.hooksPath": project / "hooks",
        "core.pager": evil,
        "core.editor": evil,
        "core.sshCommand": evil,
        "core.alternateRefsCommand": evil,
        "diff.external": evil,
        "diff.x.textconv": evil,
        "diff.x.command": evil,
        "filter.x.clean": evil,
        "filter.x.smudge": evil,
        "filter.x.process": evil,
        "filter.x.required": "true",
        "filter.a=b.c.clean": evil,
        "merge.x.driver": f"{evil} %A",
        "gpg.program": evil,
        "log.showSignature": "true",
        "credential.helper": evil,
        "alias.status": f"!{evil}",
        "alias.diff": f"!{evil}",
        "pager.status": evil,
        "pager.diff": evil,
        "core.attributesFile": project / "attributes",
        "uploadpack.packObjectsHook": evil,
    }
    (project / "hooks").mkdir()
    for hook in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        for folder in (project / "hooks", project / ".git/hooks"):
            (folder / hook).write_text(evil.read_text())
            (folder / hook).chmod(0o755)
    (project / ".gitattributes").write_text("* filter=x diff=x merge=x\nb* filter=a=b.c\n")
    (project / "attributes").write_text("* filter=x diff=x\n")
    (project / "b.txt").write_text("b\n")
    _git(project, "add", "b.txt", ".gitattributes")
    for name, value in settings.items():
        _git(project, "config", name, str(value))
    for path in ("README.md", "b.txt"):
        (project / path).write_text("changed\n")
    sign.unlink(missing_ok=True)
    yield sign
    subprocess.run(["git", "status"], cwd=project, capture_output=True, check=False)
    assert sign.exists(), "the trap does not work, so the test proves nothing"


async def test_a_hostile_repository_executes_nothing(project: Path, trap: Path) -> None:
    text = await diff(project)
    assert "b/README.md" in text
    assert "+changed" in text
    quick_state(project)
    assert not trap.exists()


async def test_a_hostile_directory_for_common_files_executes_nothing(project: Path, tmp_path: Path, trap: Path) -> None:
    other = tmp_path / "other"
    _git(tmp_path, "init", "-q", str(other))
    _git(other, "config", "core.fsmonitor", str(project / "evil"))
    (project / ".git/commondir").write_text(f"{other}/.git\n")
    trap.unlink(missing_ok=True)
    with suppress(ForkError):  # the other repository may lack the commit
        await diff(project)
    assert not trap.exists()
    (project / ".git/commondir").unlink()


async def test_git_s_own_files_stay_as_they_were(project: Path) -> None:
    (project / "README.md").write_text("# Changed\n")

    def contents() -> dict[Path, tuple[int, bytes]]:
        files = (path for path in (project / ".git").rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = contents()
    await diff(project)
    assert contents() == before


async def test_a_git_in_the_project_is_never_run(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/EXECUTED\n")
    (project / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{project}:{os.environ['PATH']}")
    monkeypatch.chdir(project)
    code = (
        "import asyncio, sys; from pathlib import Path; from forkcli.workspace.git import diff;"
        "print(asyncio.run(diff(Path('.').resolve())))"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "+++ b/git\n" in done.stdout, done.stderr
    assert not (tmp_path / "EXECUTED").exists()


async def test_what_never_answers_is_given_up(project: Path) -> None:
    (project / ".git/config").unlink()
    os.mkfifo(project / ".git/config")
    with pytest.raises(ForkError, match="git did not answer in time"):
        await diff(project, timeout_s=1.0)
    assert quick_branch(project) == "main"


async def test_damaged_repositories_are_an_answer_not_a_crash(project: Path) -> None:
    (project / ".git/index").write_bytes(b"garbage" * 100)
    with pytest.raises(ForkError, match="git failed"):
        await diff(project)
    (project / ".git/HEAD").write_bytes(b"\xff\xfe\0")
    assert quick_state(project) == "a repository whose HEAD could not be read"
    with pytest.raises(ForkError):
        await diff(project)
    (project / ".git/HEAD").write_text("ref: refs/heads/../../../etc/passwd\n")
    assert quick_branch(project) == ""


async def test_names_of_any_kind_are_listed(project: Path) -> None:
    names = ["-x", ":(glob)y", "new\nline", "ä"]
    for name in names:
        (project / name).touch()
    text = await diff(project)
    assert all(f"\n  {name}\n" in text for name in names)


async def test_a_huge_diff_is_cut(project: Path) -> None:
    (project / "README.md").write_text("x" * 79 + "\n")
    (project / "README.md").write_text(("x" * 79 + "\n") * 80_000)
    text = await diff(project)
    assert "[cut after 4 MiB]" in text
    assert len(text) < 5_000_000


async def test_small_untracked_files_are_shown_whole_and_the_others_by_name(project: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden\n")
    (project / "new").mkdir()
    (project / "new" / "a.py").write_text("one\ntwo")
    (project / "new" / "empty").touch()
    (project / "large").write_text("x\n" * 20_000)
    (project / "binary").write_bytes(b"\0\1")
    (project / "link").symlink_to(secret)
    os.mkfifo(project / "pipe")
    text = await diff(project)
    assert "+++ b/new/a.py\n@@ -0,0 +1,2 @@\n+one\n+two\n\\ No newline at end of file\n" in text
    assert "diff --git a/new/empty b/new/empty\nnew file mode 100644\n" in text
    assert all(word not in text for word in ("hidden", "+x", "b/binary", "b/pipe"))
    assert text.endswith("Untracked files:\n  binary\n  large\n  link\n  new/\n")


async def test_the_diff_of_untracked_files_makes_them(project: Path, tmp_path: Path) -> None:
    (project / "new file").write_text("one\n\ntwo\n")
    patch = (await diff(project)).split("\nUntracked files:")[0] + "\n"
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "apply", "-"], cwd=other, input=patch, text=True, check=True)
    assert (other / "new file").read_text() == "one\n\ntwo\n"


async def test_many_untracked_files_make_a_bounded_diff(project: Path) -> None:
    for number in range(150):
        (project / f"f{number}").write_text("x\n")
    assert (await diff(project)).count("diff --git") == MOST_FILES

"""A writing fork sees all that its parent sees, and neither sees what the other one writes."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from overlay_kit import Fork, git, listing, place, said, sh

from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace.base import open_fork, open_workspace, remove_layers
from forkcli.workspace.plain import PlainWorkspace

pytestmark = pytest.mark.usefixtures("needs_sandbox")


async def test_a_fork_sees_what_git_tracks_what_it_ignores_and_what_is_not_committed(project: Path, fork: Fork) -> None:
    (project / ".gitignore").write_text("node_modules\n.env\n")
    (project / "node_modules/a").mkdir(parents=True)
    (project / "node_modules/a/index.js").write_text("ignored")
    (project / ".env").write_text("SECRET=1")
    (project / "untracked").write_text("new")
    (project / "README.md").write_text("changed")
    (project / "link").symlink_to("README.md")
    (project / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (project / "run.sh").chmod(0o755)
    one = fork("f1")
    assert one.kind == "overlay"
    assert one.notes == ()
    assert one.root == project
    assert await said(one, "pwd; cat node_modules/a/index.js .env untracked link; ./run.sh") == (
        f"{project}\nignoredSECRET=1newchangedran\n"
    )
    assert one.read("node_modules/a/index.js", 100) == b"ignored"
    assert await said(one, "git status --short") == " M README.md\n?? .gitignore\n?? link\n?? run.sh\n?? untracked\n"


async def test_nothing_that_a_fork_does_reaches_its_parent_or_its_sibling(project: Path, fork: Fork) -> None:
    (project / "deep/er").mkdir(parents=True)
    (project / "deep/er/file").write_text("deep")
    (project / "link").symlink_to("deep/er/file")
    before = listing(project)
    one, two = fork("f1"), fork("f2")
    await said(
        one,
        "echo 1 > README.md; rm src/hello.py; rmdir src; mkdir src; echo n > src/new; chmod 700 deep; mv deep moved; "
        "ln -sf nowhere link; echo > ./-x; mkfifo pipe; git add -A; git commit -qm one; git tag t; git branch b",
    )
    one.write("deep2/tool.txt", b"by a tool")
    one.write("README.md", b"by a tool")
    assert one.read("README.md", 100) == b"by a tool"
    assert await said(one, "cat README.md deep2/tool.txt moved/er/file; ls src") == "by a toolby a tooldeepnew\n"
    assert listing(project) == before
    assert await said(two, "cat README.md link; git log --oneline | wc -l; git tag") == "# A project\ndeep1\n"


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf .* * 2>/dev/null; ls -A",
        "echo x > README.md; git stash -q; git stash list | wc -l",
        "git gc -q --prune=now; git reflog expire --expire=now --all; rm -rf .git/objects",
        "git checkout -q --orphan other; git rm -rqf .; git commit -q --allow-empty -m gone",
        "mv .git g; mkdir .git; echo 'gitdir: /' > .git/commondir",
        "git config core.fsmonitor 'touch owned'; echo 'touch owned' > .git/hooks/pre-commit",
        "chmod -R 000 src; chmod 000 .git",
        "find . -path ./.fork -prune -o -type f -exec sh -c 'echo bad > \"$1\"' _ {} ';'",
    ],
)
async def test_a_fork_may_ruin_its_own_copy(project: Path, fork: Fork, script: str) -> None:
    before = listing(project)
    one = fork("f1")
    await sh(one, script)
    assert listing(project) == before
    assert git(project, "status", "--short") == ""
    git(project, "fsck", "--strict")
    assert (project / ".fork/notes").is_dir()


async def test_what_the_parents_own_record_gains_is_seen_live_and_cannot_be_written(project: Path, fork: Fork) -> None:
    one = fork("f1")
    (project / ".fork/sessions/s/new").write_text("live")
    assert await said(one, "cat .fork/sessions/s/new") == "live"
    assert (await sh(one, "echo > .fork/x")).exit_code != 0
    assert (await sh(one, "mv .fork y")).exit_code != 0
    with pytest.raises(ForkError, match="record"):
        one.write(".fork/x", b"")
    await said(one, "echo n > .fork/notes/n")
    one.write(".fork/notes/m", b"m")
    assert sorted(path.name for path in (project / ".fork/notes").iterdir()) == ["m", "n"]


async def test_the_layers_folder_looks_empty_from_inside(project: Path, fork: Fork) -> None:
    one = fork("f1")
    await said(one, "echo secret-word > file")
    assert await said(one, "ls -A .fork/sessions/s/agents/f1/layers; grep -rl secret-word .") == "./file\n"


async def test_secrets_stay_hidden_in_a_fork(project: Path, fork: Fork, sealed: Path) -> None:
    (sealed / ".ssh").mkdir()
    (sealed / ".ssh/id").write_text("key")
    (sealed / ".netrc").write_text("password")
    one = fork("f1")
    end = await sh(one, f"ls -A {sealed}/.ssh; cat {sealed}/.netrc; env")
    assert "key" not in end.head
    assert "password" not in end.head


ASK = """for i in $(seq 100); do exec 3<>/dev/tcp/127.0.0.1/28181 && break; sleep 0.05; done 2>/dev/null
printf 'GET /name HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3"""


async def test_two_forks_serve_on_the_same_port_and_each_hears_only_itself(project: Path, fork: Fork) -> None:
    forks = [fork("f1"), fork("f2")]
    servers = []
    for number, one in enumerate(forks):
        one.write("name", f"fork {number}".encode())
        servers.append(await one.start(Command("exec /usr/bin/env python3 -m http.server 28181", str(project))))
    answers = await asyncio.gather(*(said(one, ASK) for one in forks))
    assert answers == ["fork 0", "fork 1"]
    reader = fork("f3", forks[0], access="read")
    assert (await sh(reader, "exec 3<>/dev/tcp/127.0.0.1/28181")).exit_code != 0
    for server in servers:
        server.kill()
        await server.wait()


async def test_forks_of_forks_see_what_was_done_above_them_four_deep(project: Path, fork: Fork) -> None:
    above: PlainWorkspace | None = None
    names = []
    for depth in range(1, 5):
        one = fork(f"f{depth}", above)
        names.append(f"made{depth}")
        assert await said(one, f"touch made{depth}; echo {depth} >> README.md; git commit -qam {depth}; ls made*") == (
            "".join(f"{name}\n" for name in names)
        )
        above = one
    assert above is not None
    assert await said(above, "cat README.md; git log --format=%s; rm -r made1 src; ls") == (
        "# A project\n1\n2\n3\n4\n4\n3\n2\n1\nBegin\nREADME.md\nmade2\nmade3\nmade4\n"
    )
    assert {one.path for one in above.changed_paths() or ()} == {b"README.md", b"made1", b"made4", b"src"}
    assert sorted(path.name for path in project.iterdir()) == [".fork", ".git", "README.md", "src"]


async def test_a_directory_that_was_replaced_above_stays_replaced_below(project: Path, fork: Fork) -> None:
    one = fork("f1")
    await said(one, "rm -r src; mkdir src; echo new > src/new")
    two = fork("f2", one)
    assert await said(two, "ls src; rm src/new; rmdir src; echo file > src; cat src") == "new\nfile\n"
    three = fork("f3", two)
    assert await said(three, "cat src; rm src; mkdir src; ls -A src") == "file\n"


async def test_a_fork_that_is_opened_again_finds_its_files(project: Path, fork: Fork) -> None:
    one = fork("f1")
    await said(one, "echo kept > file; rm README.md; git checkout -qb mine")
    two = fork("f2", one)
    await said(two, "echo below > below")
    await two.close()
    await one.close()
    again = fork("f1")
    assert await said(again, "cat file; ls README.md 2>/dev/null || git branch --show-current") == "kept\nmine\n"
    assert await said(fork("f2", again), "cat below file") == "below\nkept\n"


async def test_a_holder_that_was_killed_is_replaced_and_the_files_are_the_same(project: Path, fork: Fork) -> None:
    one = fork("f1")
    one.write("file", b"kept")
    assert one.holder_pid is not None
    os.kill(one.holder_pid, 9)
    os.waitid(os.P_PID, one.holder_pid, os.WEXITED | os.WNOWAIT)
    assert await said(one, "cat file; echo more > more") == "kept"
    assert one.read("more", 10) == b"more\n"


async def test_closing_leaves_no_process_and_no_mount_and_removing_leaves_nothing(
    project: Path, fork: Fork, survivors_of: Callable[[str], list[int]], nap: str
) -> None:
    one = fork("f1")
    await one.start(Command(f"sleep {nap}", str(project)))
    holder = one.holder_pid
    await said(one, "mkdir -p a/b/c; touch a/b/c/d; chmod 000 a/b; rm -r src; mkdir src")
    await one.close()
    while Path(f"/proc/{holder}").exists() or survivors_of(
        nap
    ):  # what an overlay holds may still be on its way to disk
        await asyncio.sleep(0.01)
    assert str(project) not in Path("/proc/self/mountinfo").read_text()
    folder = place(project, "f1")
    assert folder.is_dir()
    remove_layers(folder)
    assert not folder.exists()
    assert folder.parent.is_dir()


async def test_a_fork_with_read_access_sees_its_parents_files_and_changes_none(project: Path, fork: Fork) -> None:
    one = fork("f1")
    one.write("made", b"in a fork")
    for parent in (None, one):
        reader = fork("f2", parent, access="read")
        assert reader.kind == "view"
        assert reader.changed_paths() == ()
        end = await sh(reader, "cat made README.md; touch x || touch .git/x || touch src/x")
        assert end.exit_code != 0
        assert ("in a fork" in end.head) == (parent is one)
        with pytest.raises(ForkError, match="read access"):
            reader.write("x", b"")
        with pytest.raises(ForkError, match="read access"):
            await sh(reader, "touch x", sandboxed=False)
        assert not place(project, "f2").exists()
    one.write("made", b"changed")
    assert reader.read("made", 100) == b"changed"


async def test_an_unsandboxed_command_of_a_fork_changes_the_forks_files_alone(project: Path, fork: Fork) -> None:
    one = fork("f1")
    assert await said(one, "id -u; echo > free; pwd", sandboxed=False) == f"{os.getuid()}\n{project}\n"
    assert not (project / "free").exists()
    assert one.stat("free").kind == "file"


async def test_git_runs_among_the_files_of_a_fork(project: Path, fork: Fork) -> None:
    one = fork("f1")
    one.write("made", b"x")
    env = {"PATH": "/usr/bin:/bin", "GIT_DIR": str(project / ".git"), "GIT_WORK_TREE": str(project)}
    listed = one.git_run(["/usr/bin/git", "-C", str(project), "ls-files", "-z", "-o", "-x", ".fork"], env)
    assert (listed.code, listed.out) == (0, b"made\0")
    (project / "same").write_bytes(b"given")
    hashed_here = git(project, "hash-object", "same")
    hashed = one.git_run(["/usr/bin/git", "hash-object", "--stdin"], env, b"given")
    assert hashed.out.decode() == hashed_here
    assert one.git_run(["/usr/bin/git", "no-such-command"], env).code != 0
    assert not (project / "made").exists()


NAMES = ["with space", "comma,colon:back\\slash", "new\nline", "-dash", "ünï", "lowerdir=x,userxattr"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_project_may_have_any_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    (root / "d").mkdir(parents=True)
    (root / "d/file").write_text("x")
    main = open_workspace(root, begin=False)
    one = open_fork(main, place(root, "f1"))
    two = open_fork(one, place(root, "f2"))
    assert await said(two, "cat d/file; echo y > d/file") == "x"
    assert (root / "d/file").read_text() == "x"
    assert two.read("d/file", 10) == b"y\n"
    for workspace in (two, one, main):
        await workspace.close()


async def test_a_project_without_git_can_be_forked(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/file").write_text("x")
    main = open_workspace(tmp_path / "p", begin=False)
    one = open_fork(main, place(tmp_path / "p", "f1"))
    assert await said(one, "cat file; git init -q .; ls -A") == "x.fork\n.git\nfile\n"
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [".fork", "file"]
    await one.close()
    await main.close()


async def test_an_added_directory_is_seen_and_not_written(tmp_path: Path, project: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("x")
    main = open_workspace(project, [other], begin=False)
    one = open_fork(main, place(project, "f1"))
    assert one.read(str(other / "file"), 10) == b"x"
    assert await said(one, f"cat {other}/file") == "x"
    assert (await sh(one, f"echo > {other}/new")).exit_code != 0
    with pytest.raises(ForkError, match="read-only"):
        one.write(str(other / "new"), b"")
    await one.close()
    await main.close()


async def test_symbolic_links_do_not_lead_out_of_a_fork(project: Path, fork: Fork, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (project / "target").write_text("the parent's")
    one = fork("f1")
    await said(
        one, f"ln -s {tmp_path}/outside out; ln -s {project}/target abs; ln -s ../../../../../.. up; ln -s target rel"
    )
    one.write("target", b"the fork's")
    assert one.read("rel", 100) == b"the fork's"
    for path in ("out", "up/etc/passwd", "abs"):
        with pytest.raises(ForkError):
            one.read(path, 100)
    assert one.read(str(project / "target"), 100) == b"the fork's"


async def test_a_linked_work_tree_commits_into_a_git_directory_of_its_own(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "-b", "side", str(linked))
    main = open_workspace(linked, begin=False)
    one = open_fork(main, place(linked, "f1"))
    assert one.notes == ()
    assert (
        await said(one, "echo x > x; git add x; git commit -qm in-fork; git log --format=%s; git gc -q")
        == "in-fork\nBegin\n"
    )
    two = open_fork(one, place(linked, "f2"))
    assert await said(two, "git commit -q --allow-empty -m below; git log --format=%s -n 2") == "below\nin-fork\n"
    assert git(linked, "log", "--format=%s", "--all") == "Begin\n"
    assert git(linked, "status", "--short", "--", ":!.fork") == ""
    for workspace in (two, one, main):
        await workspace.close()


async def test_work_trees_inside_a_bare_repository_can_be_forked(project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", str(project), str(bare))
    git(bare, "worktree", "add", "-q", "-b", "side", str(bare / "wt"))
    main = open_workspace(bare / "wt", begin=False)
    one = open_fork(main, place(bare / "wt", "f1"))
    two = open_fork(one, place(bare / "wt", "f2"))
    assert await said(two, "echo x > x; git add x; git commit -qm in-fork; git log --format=%s") == "in-fork\nBegin\n"
    assert git(bare, "log", "--format=%s", "--all") == "Begin\n"
    for workspace in (two, one, main):
        await workspace.close()


async def test_a_submodule_is_forked_with_its_history(project: Path, tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    git(above, "init", "-q")
    git(above, "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(project), "sub")
    main = open_workspace(above / "sub", begin=False)
    one = open_fork(main, place(above / "sub", "f1"))
    assert await said(one, "git commit -q --allow-empty -m in-fork; git log --format=%s") == "in-fork\nBegin\n"
    assert git(above / "sub", "log", "--format=%s", "--all") == "Begin\n"
    await one.close()
    await main.close()


async def test_git_data_that_is_none_is_not_opened_to_a_fork(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "not-git"
    target.mkdir()
    root = tmp_path / "hostile"
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {target}\n")
    main = open_workspace(root, begin=False)
    one = open_fork(main, place(root, "f1"))
    assert "read-only" in one.notes[0]
    await sh(one, f"touch {target}/x")
    assert list(target.iterdir()) == []
    await one.close()
    await main.close()

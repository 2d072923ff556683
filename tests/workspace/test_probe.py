"""A sandbox that does not work is said to be missing, with the reason, and nothing runs without being asked for."""

import os
from pathlib import Path

import pytest

from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace import probe
from forkcli.workspace.base import open_workspace
from forkcli.workspace.probe import phrase


@pytest.fixture(autouse=True)
def _fresh() -> None:
    probe.forget()


def _tools(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment in which these programs are found first."""
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: Unknown option --disable-userns' >&2; exit 1", "bubblewrap is too old"),
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "user namespaces are forbidden here"),
        ("exit 0", "it ended with code 0"),
        ("echo 'bwrap: something else' >&2; exit 1", "something else"),
    ],
)
async def test_a_bubblewrap_that_fails_is_no_sandbox(project: Path, tmp_path: Path, script: str, reason: str) -> None:
    workspace = open_workspace(project, environ=_tools(tmp_path / "bin", bwrap=script), use_holder=False)
    assert workspace.sandbox == f"none ({reason})"
    assert not workspace.contained
    with pytest.raises(ForkError, match="no working sandbox"):
        await workspace.start(Command("touch ran", str(project)))
    assert not (project / "ran").exists()
    running = await workspace.start(Command("touch ran", str(project), sandboxed=False))
    assert (await running.wait()).exit_code == 0
    assert (project / "ran").exists()
    await workspace.close()


async def test_without_bubblewrap_on_the_path_there_is_no_sandbox(project: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bash").symlink_to("/bin/bash")
    workspace = open_workspace(project, environ={**os.environ, "PATH": str(tmp_path / "bin")})
    assert (workspace.sandbox, workspace.contained) == ("none (bubblewrap is not installed)", False)
    await workspace.close()


async def test_a_bubblewrap_in_the_project_is_never_run(project: Path, tmp_path: Path) -> None:
    environ = _tools(project / "bin", bwrap=f"touch {tmp_path}/EXECUTED; exit 42")
    workspace = open_workspace(project, environ={**environ, "PATH": f".:{project}/bin"}, use_holder=False)
    assert workspace.sandbox
    assert not (tmp_path / "EXECUTED").exists()
    await workspace.close()


async def test_an_older_bubblewrap_gets_the_filters_ban_on_user_namespaces(
    needs_sandbox: None, project: Path, tmp_path: Path
) -> None:
    older = (
        'for a in "$@"; do if [ "$a" = --disable-userns ]; then echo "bwrap: Unknown option $a" >&2; exit 1; fi; done\n'
        'exec /usr/bin/bwrap "$@"'
    )
    environ = _tools(tmp_path / "bin", bwrap=older)
    workspace = open_workspace(project, environ=environ, use_holder=False)
    assert workspace.contained
    running = await workspace.start(Command("unshare -U true || echo refused; (echo fine)", str(project)))
    assert (await running.wait()).head.splitlines()[-2:] == ["refused", "fine"]
    await workspace.close()


async def test_without_a_holder_commands_still_run_contained_and_the_reason_is_said(
    needs_sandbox: None, project: Path
) -> None:
    workspace = open_workspace(project, use_holder=False)
    assert workspace.sandbox == "bubblewrap (a network for each command: switched off)"
    assert workspace.contained
    await workspace.close()


async def test_a_sandbox_that_is_switched_off_refuses_contained_commands(project: Path) -> None:
    workspace = open_workspace(project, sandbox=False)
    assert (workspace.sandbox, workspace.contained) == ("none (switched off)", False)
    with pytest.raises(ForkError, match="switched off"):
        await workspace.start(Command("true", str(project)))
    await workspace.close()


async def test_a_workspace_that_never_ran_anything_closes(project: Path) -> None:
    await open_workspace(project, begin=False).close()
    await open_workspace(project).close()


@pytest.mark.parametrize("name", ["none", "file"])
def test_a_root_that_is_no_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ForkError, match=r"cannot be opened|not a directory"):
        open_workspace(tmp_path / name, begin=False)


def test_complaints_become_phrases() -> None:
    assert (
        phrase("bwrap: No permissions to create new namespace, likely because …")
        == "user namespaces are forbidden here"
    )
    assert phrase("") == "it did not start"
    assert len(phrase("x" * 1000)) == 100

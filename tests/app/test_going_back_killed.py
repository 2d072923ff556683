"""kill -9 in the middle of restoring 500 files: the next process that opens the session finds all of them or none."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from back_kit import paths, yours
from fork_kit import Den, den
from restore_process import first_checkpoint

from forkcli.models.scripted import call, reply

FILES = 500
PROGRAM = Path(__file__).parent / "restore_process.py"
NEW, OLD = "new\n", "old\n"


def contents(project: Path) -> set[str]:
    """What the files hold, every one of which is there."""
    files = list((project / "many").iterdir())
    assert len(files) == FILES
    return {path.read_text() for path in files}


def killed_while_restoring(home: Den, project: Path) -> bool:
    """Restore in a process that is killed when some files are back; whether that was in the middle."""
    argv = [sys.executable, str(PROGRAM), str(project), home.folder.name, "many/250"]
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    return contents(project) == {NEW, OLD}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("edited", [False, True])
def test_a_killed_restoring_is_finished_or_undone_when_the_session_is_opened(project: Path, edited: bool) -> None:
    (project / "many").mkdir()
    for n in range(FILES):
        (project / f"many/{n}").write_text(OLD)
    spoil = "for f in many/*; do echo new > $f; done"
    with den(project, {"main": [reply(call("bash", command=spoil)), reply("Done.")]}) as home:
        home.ask()
        assert contents(project) == {NEW}
        assert killed_while_restoring(home, project), "it was not killed in the middle"
        if edited:
            (project / "many/250").write_text("mine\n")

        async def again() -> None:
            session = home.open(home.folder.name)
            assert any("interrupted" in text for text in home.warnings)
            found = contents(project)
            assert found == ({NEW, "mine\n"} if edited else {OLD})
            to = first_checkpoint(session)
            plan = await session.rewinding.files.preview(session.agent, session.rig, to)
            assert paths(plan) == (tuple(sorted(f"many/{n}" for n in range(FILES))) if edited else ())
            assert yours(plan) == (("many/250",) if edited else ())
            if not edited:
                again = await session.rewinding.files.restore(session.agent, session.rig, to)
                assert again.done  # to do it again does no harm
                assert contents(project) == {OLD}
            await home.close()

        asyncio.run(again())
        home.sound()

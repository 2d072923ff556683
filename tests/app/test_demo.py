"""What is around the demo: who answers for the person where no sandbox works, and the commands that are shown."""

from pathlib import Path

import pytest

from forkcli.app.demo import OwnCommands, path_to_fork
from forkcli.core.events import Event, Warned
from forkcli.core.ids import MAIN
from forkcli.engine.ports import Question
from forkcli.models.scripted.demo import DEMO_COMMANDS


async def test_the_demo_allows_its_own_commands_alone_and_says_so_once() -> None:
    told: list[Event] = []
    person = OwnCommands(told.append)
    own = Question(MAIN, "unsandboxed", next(iter(DEMO_COMMANDS)))
    other = Question(MAIN, "unsandboxed", "rm -rf ~")
    assert [await person.ask(question) for question in (other, own, own, other)] == ["no", "once", "once", "no"]
    assert [type(event) for event in told] == [Warned]


def test_the_commands_that_are_shown_begin_with_a_path_where_the_shell_does_not_know_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert path_to_fork(folder / "python") == ""
    (folder / "fork").write_text("#!/bin/sh\n")
    (folder / "fork").chmod(0o700)
    assert path_to_fork(folder / "python") == f"  PATH=$PATH:'{folder}'\n"
    monkeypatch.setenv("PATH", str(folder))
    assert path_to_fork(folder / "python") == ""

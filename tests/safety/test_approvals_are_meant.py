"""An approval holds for what the user meant: this command, in this place, by a key pressed after the question."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console
from safety_kit import KEY

from forkcli.app.crew import Surroundings
from forkcli.app.driver import ReplDriver
from forkcli.app.parts import build_model, limiter
from forkcli.config import Settings
from forkcli.core.entries import ToolFacts, ToolResult
from forkcli.core.ids import MAIN, CallId
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Answer, Question
from forkcli.models.scripted import ScriptedServer, call, reply
from forkcli.store.scratch import Scratch
from forkcli.ui.approve import Approval, question_item
from forkcli.ui.look import Look
from forkcli.ui.plain import Plain
from forkcli.workspace.base import open_workspace


class Person:
    """Answers each question with the next answer and remembers what was asked."""

    interactive = True

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[Question] = []
        self._answers: Iterator[Answer] = iter(answers)

    async def ask(self, question: Question, /) -> Answer:
        self.asked.append(question)
        return next(self._answers)

    async def inquire(self, _agent: str, _text: str) -> str | None:
        return None


async def _driver(project: Path, url: str, person: Person) -> ReplDriver:
    settings = Settings(cwd=project, project=project, base_url=url, api_key=KEY)
    scratch = Scratch(project)
    scratch.ensure()
    workspace = open_workspace(project)
    around = Surroundings(
        settings,
        scratch,
        build_model(settings),
        workspace,
        Approvals(person),
        limiter(interactive=True),
        lambda _: None,
    )
    return ReplDriver(around)


async def test_always_for_a_command_does_not_hold_in_another_directory(needs_sandbox: None, project: Path) -> None:
    """`make` in the project is not `make` in a directory that the model made."""
    person = Person("always", "no")
    outside = {"command": "touch ran-here", "why": "the user wants it"}
    steps = [call("bash", **outside), call("bash", command="mkdir evil; cd evil"), call("bash", **outside)]
    with ScriptedServer([*(reply(step) for step in steps), reply("done")]) as server:
        driver = await _driver(project, server.base_url, person)
        try:
            await driver.turn("go")
        finally:
            await driver.close()
            await driver.around.workspace.close()
            await driver.around.model.close()
    assert [question.cwd for question in person.asked] == ["", "evil"]
    assert (project / "ran-here").exists()
    assert not (project / "evil/ran-here").exists()


async def test_the_users_own_command_runs_where_they_are_and_not_where_the_model_went(project: Path) -> None:
    (project / "evil").mkdir()
    driver = await _driver(project, "http://127.0.0.1:9", Person())
    try:
        session = await driver.open()
        moved = ToolResult(CallId("x"), "bash", (), facts=ToolFacts(cwd=str(project / "evil")))
        session.agent.record(moved)
        assert driver.history.cwd == str(project / "evil")
        assert (await driver.shell("pwd", lambda _text: None)).output.strip() == str(project)
    finally:
        await driver.close()
        await driver.around.workspace.close()
        await driver.around.model.close()


@pytest.mark.parametrize("cwd", ["evil", "e\x1b[2Jvil\u202e"])
def test_a_question_says_where_the_command_will_run(cwd: str) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(question_item(Question(MAIN, "net", "make", cwd=cwd), Look()).body)
    text = console.export_text()
    assert "in: e" in text
    assert not {"\x1b", "\u202e"} & set(text)


async def test_lines_typed_ahead_never_arm_the_question_on_a_plain_terminal() -> None:
    now = 0.0

    class Desk:
        busy = True

        def submit(self, text: str, *, later: bool) -> None:
            return

    plain = Plain(Desk(), Look(), io.StringIO(), io.StringIO(), lambda: 80)
    approval = Approval(Question(MAIN, "net", "curl x"), Look(), lambda: now)
    asking = asyncio.create_task(plain.ask(approval))
    await asyncio.sleep(0)
    for _ in range(20):
        plain._line("y\n")
        now += 0.1
    assert not approval.done
    now += 1.0
    plain._line("y\n")
    assert approval.answer == "once"
    with suppress(TimeoutError):
        await asyncio.wait_for(asking, 1)

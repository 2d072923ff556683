"""Who answers for the person while the demo runs where no sandbox works."""

from forkcli.app.demo import OwnCommands
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

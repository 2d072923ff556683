"""What a person says to agents beside prompts: `/tell` leaves a message, `/ask` is answered by a fork."""

from pathlib import Path

import pytest
from fork_kit import Den, den, forks, newest
from question_kit import is_answering, script

from forkcli.app.driver import ReplDriver
from forkcli.app.talking import ask, tell
from forkcli.core.asked import Asked
from forkcli.core.entries import Message
from forkcli.errors import ForkError
from forkcli.models.scripted import reply
from forkcli.ui.ports import Lines, Shown

PLANS = {"main": [reply(forks("a")), reply("Done."), reply("I have heard.")]}


async def after_a_turn(home: Den) -> ReplDriver:
    """The driver of a session in which main had a fork, f1, that has ended."""
    session = home.open()
    await home.turn()
    return ReplDriver(session.around, session)


def words(shown: Shown) -> str:
    assert isinstance(shown, Lines)
    return shown.text


async def test_who_is_idle_reads_it_with_its_next_prompt_and_who_has_ended_only_if_somebody_goes_on(
    project: Path,
) -> None:
    with den(project, script(PLANS)) as home:
        driver = await after_a_turn(home)
        assert words(await tell(driver, "main\n mind the gap\nand the door")) == (
            "Sent. main is idle, and reads it with its next prompt."
        )
        ended = words(await tell(driver, "f1 well done"))
        assert ended.startswith("Left in its inbox, but f1 has ended")
        assert ended.endswith("/ask f1 has a fork of it answer.")
        await home.turn("and now?")
        await home.close()
        assert [(one.sender, one.text) for one in home.bodies("main", Message)] == [
            ("user", "mind the gap\nand the door")
        ]
        assert '<message from="user">\nmind the gap\nand the door\n</message>' in newest(home.requests("main")[-1].body)
        assert home.bodies("f1", Message) == []
        home.sound()


async def test_nobody_is_told_who_is_not_there(project: Path) -> None:
    with den(project, script(PLANS)) as home:
        driver = await after_a_turn(home)
        for name in ("f9", "MAIN", "main,f1", "../main", "user"):
            with pytest.raises(ForkError, match="there is no agent") as caught:
                await tell(driver, f"{name} hello")
            assert "its agents: main, f1" in caught.value.hints[0]
        await home.close()


async def test_a_question_goes_to_the_agent_that_its_first_word_names_else_to_the_one_in_focus(project: Path) -> None:
    with den(project, script(PLANS)) as home:
        driver = await after_a_turn(home)
        assert words(await ask(driver, "f1\nwhat did you see?")) == (
            "f1 knows nothing of it; /go f2 goes on with the fork that answered."
        )
        assert words(await ask(driver, "what is f7?")).startswith("main knows nothing of it")
        await home.close()
        assert [(one.agent, one.by, one.question) for one in home.bodies("f1", Asked)][-1] == (
            "f2", "user", "what did you see?",
        )  # fmt: skip
        assert home.bodies("main", Asked)[-1].question == "what is f7?"
        assert sum(is_answering(request.body) for request in home.server.requests) == 2
        assert "The person sees nothing but your last message" in newest(home.requests("f2")[0].body)
        home.sound()

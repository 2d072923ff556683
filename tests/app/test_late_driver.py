"""What stands in for the session's parts until they are made."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from forkcli import __main__ as door
from forkcli.app.assembly import surroundings
from forkcli.app.crew import Surroundings
from forkcli.app.late import LateDriver
from forkcli.app.parts import GARBAGE, NobodyToAsk, build_model, warm
from forkcli.config import Settings
from forkcli.core.events import Event
from forkcli.errors import ForkError
from forkcli.models.scripted import ScriptedServer, reply
from forkcli.store.scratch import Scratch

KEYLESS = "http://127.0.0.1:9"


def nothing(_event: Event) -> None:
    """Nobody watches."""


def around(settings: Settings, made: list[Surroundings]) -> Callable[[], Surroundings]:
    """Makes the real parts, and puts each set into `made`."""

    def make() -> Surroundings:
        scratch = Scratch(settings.project)
        scratch.ensure()
        made.append(surroundings(settings, scratch, NobodyToAsk(), nothing))
        return made[-1]

    return make


def late(project: Path, made: list[Surroundings], base_url: str = KEYLESS, model: str | None = None) -> LateDriver:
    settings = Settings(project, project, base_url=base_url, model=model, effort="high", access="read")
    return LateDriver(settings, around(settings, made))


async def test_the_status_line_says_the_same_before_and_after_the_parts_are_made(project: Path) -> None:
    made: list[Surroundings] = []
    driver = late(project, made, model="opus")
    before = driver.status()
    assert made == []
    assert driver.slashes()[0].name == "help"
    assert len(made) == 1
    after = driver.status()
    assert (before.model, before.effort, before.access) == ("claude-opus-5-5", "high", "read")
    assert replace(after, sandbox="") == before
    await driver.leave()


def test_a_missing_key_is_told_before_anything_is_made(project: Path) -> None:
    made: list[Surroundings] = []
    with pytest.raises(ForkError, match="there is no API key"):
        late(project, made, "https://api.anthropic.com")
    with pytest.raises(ForkError, match="is not a base URL"):
        late(project, made, "nonsense")
    assert made == []


async def test_the_parts_are_made_once_whoever_asks_first(project: Path) -> None:
    made: list[Surroundings] = []
    driver = late(project, made)
    await asyncio.gather(*(asyncio.to_thread(driver.paths, "") for _ in range(8)), driver.warm())
    assert len(made) == 1
    await driver.close()
    await driver.leave()


async def test_a_turn_can_begin_before_anything_was_made(project: Path) -> None:
    made: list[Surroundings] = []
    with ScriptedServer([reply("Hello.")]) as server:
        driver = late(project, made, server.base_url)
        await driver.turn("hello")
        assert len(server.requests) == 1
        await driver.close()
        assert driver.left is not None
        await driver.leave()


async def test_leaving_what_was_never_made_does_nothing(project: Path) -> None:
    made: list[Surroundings] = []
    driver = late(project, made)
    await driver.close()
    await driver.leave()
    assert (made, driver.left) == ([], None)


def test_garbage_is_searched_for_again_once_everything_is_imported(project: Path) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(*door.GARBAGE)  # as the command does
        warm(build_model(Settings(project, project, base_url=KEYLESS))).join()
        assert gc.get_threshold() == GARBAGE
    finally:
        gc.set_threshold(*before)

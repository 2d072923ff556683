"""A desk for each test: a project of its own, and the real command to run in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from app_kit import Desk, Serve
from zygote import the_zygote

from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, ScriptedServer


@pytest.fixture
def desk(project: Path, tmp_path: Path) -> Iterator[Desk]:
    """The command in `project`, without a model: `serve` gives it one."""
    place = tmp_path / "runs"
    place.mkdir()
    desk = Desk(the_zygote(), project, place)
    yield desk
    for running in desk.running:
        running.kill()
        running.wait()


@pytest.fixture
def serve(desk: Desk) -> Iterator[Serve]:
    """Starts a scripted model for the desk: `serve(reply("hello"))`, or with a function from request to reply."""
    with ExitStack() as stack:

        def start(*script: Reply | Callable[[Json], Reply], **options: object) -> ScriptedServer:
            plays = script[0] if len(script) == 1 and callable(script[0]) else script
            server = stack.enter_context(ScriptedServer(plays, **options))
            desk.url = server.base_url
            return server

        yield start

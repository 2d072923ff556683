"""What an agent that waits needs again stays in the cache: by its forks' own requests, else by requests for that alone.

The clock is the test's own; the scripted server's model of the cache reads the same one.
"""

import asyncio
from pathlib import Path

import pytest
from fork_kit import Den, by_agent, den, forks, until, whose

from forkcli.commands.cost import cost_rows
from forkcli.core.entries import Usage, Warmed
from forkcli.core.messages import Json
from forkcli.engine.ports import ModelError, ModelFault, ModelRequest
from forkcli.engine.reads import MOST, Reads
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Reply, call, reply
from forkcli.models.scripted.cache import Cache
from forkcli.models.scripted.record import Recorded

LONG = "a line of a long past that is worth something\n" * 1200

MAIN_SCRIPT = [Reply([call("read", path="big.txt")]), Reply([forks("build it")]), reply("all done")]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep: dict[object, float] = {}  # who sleeps by it, and the time that they have seen last

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        me, end = object(), self.now + seconds
        try:
            while self.now < end:
                self.asleep[me] = self.now
                await asyncio.sleep(0.001)
        finally:
            self.asleep.pop(me, None)

    async def pass_by(self, minutes: float, reads: Reads) -> None:
        """Let time pass in steps of half a minute, each when all have done what the last one asked of them."""
        for _ in range(round(minutes * 2)):
            self.now += 30
            while len(self.asleep) < len(reads.kept) or any(seen < self.now for seen in self.asleep.values()):
                await asyncio.sleep(0.001)


def pings(home: Den) -> list[Recorded]:
    return [request for request in home.server.requests if request.body["max_tokens"] == 0]


def read(request: Recorded) -> int:
    return int((request.usage or {})["cache_read_input_tokens"])


class Waits:
    """main reads a long file and forks once; the answer to the fork takes until it is let go."""

    def __init__(self, clock: Clock, project: Path) -> None:
        self.clock, self.go, self.asked = clock, False, False
        (project / "big.txt").write_text(LONG)
        self.main = by_agent({"main": MAIN_SCRIPT})

    async def script(self, request: Json) -> Reply:
        if whose(request) == "main":
            return self.main(request)
        self.asked = True
        while not self.go:
            await asyncio.sleep(0.01)
        return reply("built")

    async def run(self, home: Den, minutes: float, *, at_once: float = 0, reads: Reads | None = None) -> None:
        """The turn, of which the fork takes so many minutes, after `at_once` seconds in which the machine slept."""
        session = home.session or home.open()
        session.rig.clock, session.rig.reads = self.clock, reads or Reads(self.clock.sleep)
        turn = asyncio.create_task(home.turn("go"))
        await until(lambda: self.asked)
        self.clock.now += at_once
        await self.clock.pass_by(minutes, session.rig.reads)
        self.go = True
        await turn
        await home.close()


class NoWarming(AnthropicModel):
    """An endpoint that knows no requests without an answer."""

    asked = 0

    async def warm(self, request: ModelRequest) -> Usage:
        self.asked += 1
        raise ModelError(ModelFault.REQUEST, "max_tokens: must be at least 1", status=400)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_parent_whose_fork_works_without_a_word_finds_its_past_in_the_cache(
    project: Path, clock: Clock
) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        await waits.run(home, 13)
        assert len(pings(home)) == 3  # every four minutes, and not once more for what the fork shares
        last = home.requests("main")[-1]
        before = home.requests("main")[1]
        assert read(last) >= (before.usage or {})["cache_creation_input_tokens"] > 10_000
        assert all(read(ping) > 10_000 for ping in pings(home))
        assert len(home.bodies("main", Warmed)) == 3
        home.sound()


async def test_without_that_the_whole_past_is_written_again(project: Path, clock: Clock) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        await waits.run(home, 13, reads=Reads(clock.sleep, most=0))
        assert pings(home) == []
        assert read(home.requests("main")[-1]) < 3000


async def test_a_fork_that_makes_requests_keeps_its_parents_past_itself(project: Path, clock: Clock) -> None:
    def steps(_request: Json, step: int) -> Reply:
        clock.now += 100
        return Reply([call("read", path="big.txt", limit=1)]) if step < 12 else reply("built")

    (project / "big.txt").write_text(LONG)
    with den(project, {"main": MAIN_SCRIPT, "f1": steps}, cache=Cache(clock)) as home:
        session = home.open()
        session.rig.clock, session.rig.reads = clock, Reads(clock.sleep)
        await home.turn("go")
        await home.close()
        assert clock.now > 1000 + 12 * 100
        assert pings(home) == []
        assert read(home.requests("main")[-1]) > 10_000


async def test_it_ends_after_half_an_hour_of_waiting_and_does_not_write_what_is_forgotten(
    project: Path, clock: Clock
) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        await waits.run(home, 60)
        assert len(home.bodies("main", Warmed)) == MOST
        assert all(read(ping) > 10_000 for ping in pings(home))


async def test_a_machine_that_slept_does_not_pay_for_a_past_that_is_gone(project: Path, clock: Clock) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        await waits.run(home, 8, at_once=3600)
        assert pings(home) == []


async def test_an_endpoint_that_knows_no_such_request_is_asked_once(project: Path, clock: Clock) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        session = home.open()
        session.rig.model = model = NoWarming(api_key="test", base_url=home.server.base_url)
        await waits.run(home, 20)
        assert model.asked == 1
        assert home.bodies("main", Warmed) == []
        assert home.results("main")[-1].count("built") == 1
        await model.close()


async def test_what_it_costs_is_in_every_sum(project: Path, clock: Clock) -> None:
    waits = Waits(clock, project)
    with den(project, waits.script, cache=Cache(clock)) as home:
        await waits.run(home, 5)
        history = home.history("main")
        (warmed,) = home.bodies("main", Warmed)
        answers = history.own_answers()
        assert cost_rows([history]).usage.cache_read_input_tokens == history.usage.cache_read_input_tokens
        told = sum(answer.usage.cache_read_input_tokens for answer in answers)
        assert history.usage.cache_read_input_tokens == told + warmed.usage.cache_read_input_tokens
        assert cost_rows([history]).steps == len(answers)

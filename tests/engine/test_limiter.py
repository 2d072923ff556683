"""Many agents and one endpoint: who waits, in which order, and what a wall of refusals costs."""

import asyncio
import time
from pathlib import Path

import pytest
from engine_kit import Bench, Plays, make_bench

from forkcli.core.events import RetryWait
from forkcli.core.messages import Json, text_block
from forkcli.engine.agent import Stop
from forkcli.engine.limiter import GivenUpError, Limiter, Slot
from forkcli.engine.patience import Patience, Tries
from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Fault, Reply, ScriptedServer, reply

FULL = ModelError(ModelFault.OVERLOADED, "overloaded", status=529)
CROWD = 30


def silent(_seconds: float, _why: str) -> None:
    """Nobody is told."""


async def test_those_who_wait_go_in_the_order_they_came_and_who_failed_goes_to_the_end() -> None:
    limiter, went, tries = Limiter(), [], [Tries() for _ in range(6)]
    first_pause = FULL

    async def ask(who: int) -> None:
        error: ModelError | None = first_pause if who == 0 else None
        while True:
            async with limiter.slot(tries[who], silent) as slot:
                went.append(who)
                if error is None:
                    slot.accepted()
                    limiter.over(tries[who])
                    return
                await asyncio.sleep(0)
                assert slot.failed(error) == 0
            error = None

    asked = [asyncio.create_task(ask(0))]
    while not limiter.pace.refusals:
        await asyncio.sleep(0)
    asked += [asyncio.create_task(ask(who)) for who in range(1, 6)]
    await asyncio.gather(*asked)
    assert went == [0, 0, 1, 2, 3, 4, 5]  # it had come back before the others came
    assert limiter.pace.out == 0


async def test_a_wait_that_is_cancelled_ends_at_once_and_gives_its_turn_to_the_next() -> None:
    limiter = Limiter(Patience(None, None))
    mine, other = Tries(), Tries()
    async with limiter.slot(mine, silent) as slot:
        slot.failed(ModelError(ModelFault.OVERLOADED, "full", status=429, retry_after=0.2))
    told: list[float] = []

    async def wait(tries: Tries) -> str:
        async with limiter.slot(tries, lambda seconds, _: told.append(seconds)):
            return "went"

    waits = [asyncio.create_task(wait(tries)) for tries in (mine, other)]
    await asyncio.sleep(0)
    assert len(told) == 2
    assert all(0 < seconds <= 0.2 for seconds in told)
    waits[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits[0]
    assert await waits[1] == "went"
    assert limiter.pace.out == 0


async def test_a_turn_that_was_given_as_its_wait_was_cancelled_is_not_lost() -> None:
    limiter = Limiter()
    limiter.pace.limit = 1

    async def wait() -> None:
        async with limiter.slot(Tries(), silent):
            await asyncio.sleep(0)

    async with limiter.slot(Tries(), silent):
        doomed, next_one = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
    doomed.cancel()  # it has its turn by now, and has not seen it
    await next_one
    assert limiter.pace.out == 0


async def test_when_the_endpoint_is_given_up_everybody_who_waits_for_it_is_told() -> None:
    now = [0.0]
    limiter = Limiter(Patience(), lambda: now[0])
    late = ModelError(ModelFault.OVERLOADED, "the API is full", status=429, retry_after=100)
    mine = Tries()
    async with limiter.slot(mine, silent) as slot:
        assert slot.failed(late) == 0

    async def wait() -> None:
        async with limiter.slot(Tries(), silent):
            raise AssertionError("nothing may leave")

    waits = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    now[0] = 100.0
    probe = limiter.pace.leave()
    assert Slot(limiter, mine, probe).failed(late) is None
    limiter.pace.ended(probe)
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [str(error) for error in ended if isinstance(error, GivenUpError)] == ["the API is full"] * 3
    limiter.over(mine)
    assert limiter.pace.may_leave(100.0)  # the next turn begins with a first attempt


# --- a wall of refusals ----------------------------------------------------------------------------------------------


class Wall:
    """A script that refuses everything for a while, and then answers."""

    def __init__(self, seconds: float, fault: Fault) -> None:
        self.seconds, self.fault = seconds, fault
        self.until = 0.0  # set by the first request
        self.refused: list[float] = []

    def __call__(self, _request: Json) -> Reply:
        now = time.monotonic()
        self.until = self.until or now + self.seconds
        if now < self.until:
            self.refused.append(now)
            return Reply(fault=self.fault)
        return reply("done")


def crowd(place: Path, model: AnthropicModel, count: int) -> list[Bench]:
    model.preload()
    limiter, benches = Limiter(), []
    for number in range(count):
        project = place / str(number)
        project.mkdir()
        benches.append(make_bench(project, model, more={"limiter": limiter}))
    return benches


@pytest.mark.parametrize("status", [429, 529])
async def test_many_agents_that_meet_a_wall_recover_without_a_stampede(tmp_path: Path, status: int) -> None:
    wall = Wall(0.7, Fault("status", status=status))
    with ScriptedServer(wall, models=["m"], check=False) as server:
        model = AnthropicModel(api_key="test", base_url=server.base_url, memory_file=tmp_path / "memory.json")
        benches = crowd(tmp_path, model, CROWD)
        ends = await asyncio.gather(*(bench.turn() for bench in benches))
        assert {end.status for end in ends} == {"done"}
        probes = len(wall.refused) - CROWD  # the first of each had left before anything was known
        assert probes <= 1  # after pauses of 0.5 and 1 seconds, each 25 % more or less
        assert len(server.requests) == len(wall.refused) + CROWD
        await model.close()


async def test_what_the_server_asks_one_agent_to_wait_is_waited_by_all(tmp_path: Path) -> None:
    wall = Wall(0.3, Fault("status", status=429, retry_after=0.6))
    with ScriptedServer(wall, models=["m"], check=False) as server:
        model = AnthropicModel(api_key="test", base_url=server.base_url, memory_file=tmp_path / "memory.json")
        benches = crowd(tmp_path, model, 8)
        first = asyncio.create_task(benches[0].turn())
        while not wall.refused:
            await asyncio.sleep(0.01)
        while not any(isinstance(event, RetryWait) for event in benches[0].events):
            await asyncio.sleep(0.01)
        await asyncio.gather(*(bench.turn() for bench in benches[1:]))
        await first
        assert len(wall.refused) == 1
        assert min(request.at for request in server.requests[1:]) - server.requests[0].at >= 0.6
        waits = [event for bench in benches[1:] for event in bench.events if isinstance(event, RetryWait)]
        assert waits
        assert all(event.attempt == 0 and "rate limit" in event.reason for event in waits)
        await model.close()


async def test_a_stop_ends_the_wait_of_one_agent_at_once_and_leaves_the_others(tmp_path: Path) -> None:
    limiter = Limiter()
    slow = ModelError(ModelFault.OVERLOADED, "overloaded", status=529, retry_after=1.0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = make_bench(tmp_path / "a", Plays([slow, [text_block("never")]]), more={"limiter": limiter})
    two = make_bench(tmp_path / "b", Plays([[text_block("done")]]), more={"limiter": limiter})
    turn = asyncio.create_task(one.turn())
    while not any(isinstance(event, RetryWait) for event in one.events):
        await asyncio.sleep(0)
    other = asyncio.create_task(two.turn())
    await asyncio.sleep(0.01)
    one.agent.halt(Stop("user"))
    assert (await turn).status == "interrupted"
    assert not other.done()
    assert (await other).status == "done"

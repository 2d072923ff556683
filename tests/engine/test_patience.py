"""How long an endpoint that does not answer is asked again. Time is a number here; nobody waits."""

import asyncio
import socket
from collections.abc import Iterable
from itertools import pairwise, repeat
from pathlib import Path

import pytest
from engine_kit import Plays, make_bench
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.entries import Assistant, Failure
from forkcli.core.events import RetryWait, StepDropped, StepStarted
from forkcli.core.messages import text_block
from forkcli.engine.agent import Stop
from forkcli.engine.limiter import Limiter, Slot
from forkcli.engine.loop import resume_turn
from forkcli.engine.patience import LONGEST_DELAY_S, MOST_OWN, Patience, Tries
from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models.anthropic import AnthropicModel

OVERLOADED = ModelError(ModelFault.OVERLOADED, "overloaded", status=529)
UNREACHABLE = ModelError(ModelFault.UNREACHABLE, "no connection")
BROKEN = ModelError(ModelFault.BROKEN, "the stream broke")
CRASHED = ModelError(ModelFault.OVERLOADED, "internal error", status=500)  # of this request alone
DONE = [text_block("done")]


def waits(patience: Patience, errors: Iterable[ModelError]) -> list[float]:
    """The waits of one request that fails with these, when each attempt itself takes no time and nobody else asks."""
    now, found = [1000.0], []
    limiter, tries = Limiter(patience, lambda: now[0]), Tries()
    for error in errors:
        number = limiter.pace.leave()
        delay = Slot(limiter, tries, number).failed(error)
        limiter.pace.ended(number)
        if delay is None:
            break
        found.append(max(delay, limiter.pace.paused_until - now[0]))
        now[0] += found[-1]
    return found


@pytest.mark.parametrize(("error", "bound"), [(OVERLOADED, 120), (UNREACHABLE, 20), (BROKEN, 120), (CRASHED, 120)])
def test_it_gives_up_within_its_bound_and_not_long_before(error: ModelError, bound: float) -> None:
    for _ in range(50):
        total = sum(waits(Patience(), repeat(error, 1000)))
        assert total <= bound
        assert total > bound / 3


@pytest.mark.parametrize("error", [OVERLOADED, BROKEN])
def test_waits_grow_up_to_a_longest_one(error: ModelError) -> None:
    found = waits(Patience(None, None), repeat(error, 12))
    assert all(after > before for before, after in pairwise(found[:5]))
    assert max(found) <= 1.25 * LONGEST_DELAY_S


def test_without_bounds_it_never_gives_up() -> None:
    assert len(waits(Patience(None, None), repeat(UNREACHABLE, 5000))) == 5000


def test_what_the_server_asks_for_is_honoured_and_beyond_the_bound_it_gives_up_at_once() -> None:
    asked = ModelError(ModelFault.OVERLOADED, "slow down", status=429, retry_after=7.0)
    assert waits(Patience(), [asked]) == [7.0]
    late = ModelError(ModelFault.OVERLOADED, "slow down", status=429, retry_after=3600.0)
    assert waits(Patience(), [late]) == []


@pytest.mark.parametrize(
    "fault",
    [ModelFault.AUTH, ModelFault.NO_MODEL, ModelFault.TOO_LONG, ModelFault.REQUEST, ModelFault.SPENT],
)
def test_what_waiting_cannot_mend_is_not_waited_for(fault: ModelFault) -> None:
    assert waits(Patience(), [ModelError(fault, "no")]) == []


@given(st.lists(st.sampled_from([OVERLOADED, UNREACHABLE, BROKEN, CRASHED]), min_size=1, max_size=60))
def test_whatever_the_mix_of_failures_it_ends_within_the_longest_bound(errors: list[ModelError]) -> None:
    found = waits(Patience(), errors)
    assert sum(found) <= 120
    assert all(delay > 0 for delay in found)


def test_an_answer_that_begins_and_breaks_each_time_does_not_make_it_patient_again() -> None:
    now = [0.0]
    limiter, tries = Limiter(Patience(), lambda: now[0]), Tries()
    for _ in range(1000):
        slot = Slot(limiter, tries, limiter.pace.leave())
        slot.accepted()
        delay = slot.failed(BROKEN)
        limiter.pace.ended(slot.number)
        if delay is None:
            break
        now[0] += delay
    assert 40 < now[0] <= 120


def test_as_long_as_others_are_answered_a_request_is_tried_longer_but_not_for_ever() -> None:
    now = [0.0]
    limiter, mine = Limiter(Patience(), lambda: now[0]), Tries()
    while True:
        slot = Slot(limiter, mine, limiter.pace.leave())
        delay = slot.failed(CRASHED)
        limiter.pace.ended(slot.number)
        if delay is None:
            break
        now[0] += 30
        other = Slot(limiter, Tries(), limiter.pace.leave())
        other.accepted()
        limiter.pace.ended(other.number)
    assert now[0] > 120
    assert mine.count == MOST_OWN


async def test_an_endpoint_that_never_answers_ends_the_turn_as_unavailable_and_it_can_be_resumed(
    tmp_path: Path,
) -> None:
    model = Plays([UNREACHABLE] * 4)
    bench = make_bench(tmp_path, model, patience=Patience(total_s=0.7, unreachable_s=0.7))
    end = await bench.turn()
    assert (end.status, end.sentence) == ("unavailable", "no connection")
    assert [body.kind for body in bench.bodies(Failure)] == ["unavailable"]
    assert 1 <= len([event for event in bench.events if isinstance(event, RetryWait)]) < 4
    model.steps = [DONE]
    assert (await resume_turn(bench.agent, bench.rig, "0.1.0")).status == "done"
    assert bench.whole()


async def test_a_dropped_attempt_is_told_before_the_next_one_and_counts_as_one_step(tmp_path: Path) -> None:
    model = Plays([OVERLOADED, DONE])
    bench = make_bench(tmp_path, model)
    assert (await bench.turn()).status == "done"
    kinds = [type(e) for e in bench.events if isinstance(e, StepStarted | StepDropped | RetryWait)]
    assert kinds == [StepStarted, StepDropped, RetryWait]
    assert bench.rig.spent.steps == 1
    assert len(bench.bodies(Assistant)) == 1
    assert model.requests[0].context == model.requests[1].context


async def test_a_person_who_stops_the_waiting_begins_the_next_turn_with_a_first_attempt(tmp_path: Path) -> None:
    slow = ModelError(ModelFault.OVERLOADED, "overloaded", status=529, retry_after=60)
    bench = make_bench(tmp_path, Plays([OVERLOADED, slow, OVERLOADED, DONE]))
    turn = asyncio.create_task(bench.turn())
    while not any(isinstance(event, RetryWait) and event.seconds > 50 for event in bench.events):
        await asyncio.sleep(0.01)
    bench.agent.halt(Stop("user"))
    assert (await turn).status == "interrupted"
    del bench.events[:]
    assert (await bench.turn()).status == "done"
    assert [event.attempt for event in bench.events if isinstance(event, RetryWait)] == [1]


async def test_a_real_endpoint_that_takes_no_connections_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    model = AnthropicModel(base_url=f"http://127.0.0.1:{port}", memory_file=tmp_path / "memory.json")
    bench = make_bench(tmp_path, model, patience=Patience(total_s=60, unreachable_s=1.0))
    end = await bench.turn()
    await model.close()
    assert end.status == "unavailable"
    assert f"127.0.0.1:{port} cannot be reached" in end.sentence
    waited = [event.seconds for event in bench.events if isinstance(event, RetryWait)]
    assert waited
    assert sum(waited) <= 1.0

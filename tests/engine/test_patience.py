"""How long an endpoint that does not answer is asked again. Time is a number here; nobody waits."""

import asyncio
import socket
from itertools import pairwise
from pathlib import Path

import pytest
from engine_kit import Plays, make_bench
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.entries import Assistant, Failure
from forkcli.core.events import RetryWait, StepDropped, StepStarted
from forkcli.core.messages import text_block
from forkcli.engine.agent import Stop
from forkcli.engine.loop import resume_turn
from forkcli.engine.patience import LONGEST_DELAY_S, Patience
from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models.anthropic import AnthropicModel

OVERLOADED = ModelError(ModelFault.OVERLOADED, "overloaded", status=529)
UNREACHABLE = ModelError(ModelFault.UNREACHABLE, "no connection")
DONE = [text_block("done")]


def waits(patience: Patience, error: ModelError, most: int = 1000) -> list[float]:
    """The waits until it gives up, when each attempt itself takes no time."""
    now, found = 1000.0, []
    while len(found) < most:
        delay = patience.wait_s(error, now)
        if delay is None:
            break
        found.append(delay)
        now += delay
    return found


@pytest.mark.parametrize(("error", "bound"), [(OVERLOADED, 120), (UNREACHABLE, 20)])
def test_it_gives_up_within_its_bound_and_not_long_before(error: ModelError, bound: float) -> None:
    for _ in range(50):
        total = sum(waits(Patience(), error))
        assert total <= bound
        assert total > bound / 3


def test_waits_grow_up_to_a_longest_one() -> None:
    found = waits(Patience(None, None), OVERLOADED, 12)
    assert all(after > before for before, after in pairwise(found[:5]))
    assert max(found) <= 1.25 * LONGEST_DELAY_S


def test_without_bounds_it_never_gives_up() -> None:
    assert len(waits(Patience(None, None), UNREACHABLE, 500)) == 500


def test_what_the_server_asks_for_is_honoured_and_beyond_the_bound_it_gives_up_at_once() -> None:
    asked = ModelError(ModelFault.OVERLOADED, "slow down", status=429, retry_after=7.0)
    assert Patience().wait_s(asked, 0) == 7.0
    late = ModelError(ModelFault.OVERLOADED, "slow down", status=429, retry_after=3600.0)
    assert Patience().wait_s(late, 0) is None


@pytest.mark.parametrize(
    "fault",
    [ModelFault.AUTH, ModelFault.NO_MODEL, ModelFault.TOO_LONG, ModelFault.REQUEST, ModelFault.SPENT],
)
def test_what_waiting_cannot_mend_is_not_waited_for(fault: ModelFault) -> None:
    assert Patience().wait_s(ModelError(fault, "no"), 0) is None


def test_an_answer_in_between_makes_it_patient_again() -> None:
    patience = Patience()
    waits(patience, UNREACHABLE, 5)
    patience.succeeded()
    assert patience.wait_s(UNREACHABLE, 1e6) is not None
    assert patience.attempt == 1


def test_giving_up_leaves_the_next_turn_with_fresh_patience() -> None:
    patience = Patience()
    assert waits(patience, UNREACHABLE)
    assert patience.wait_s(UNREACHABLE, 1e6) is not None


@given(st.lists(st.sampled_from([OVERLOADED, UNREACHABLE]), min_size=1, max_size=60))
def test_whatever_the_mix_of_failures_it_ends_within_the_longest_bound(errors: list[ModelError]) -> None:
    patience, now = Patience(), 0.0
    for error in errors:
        delay = patience.wait_s(error, now)
        if delay is None:
            return
        assert delay >= 0
        now += delay
    assert now <= 120


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
    slow = ModelError(ModelFault.OVERLOADED, "overloaded", retry_after=60)
    bench = make_bench(tmp_path, Plays([OVERLOADED, slow, OVERLOADED, DONE]))
    turn = asyncio.create_task(bench.turn())
    while not any(isinstance(event, RetryWait) and event.seconds == 60 for event in bench.events):
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

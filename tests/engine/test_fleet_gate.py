"""The gate that lets the first of several forks write to the cache, and the places that agents share."""

import asyncio
import time
from collections.abc import Coroutine

from forkcli.core.ids import AgentId
from forkcli.engine.gate import Gate
from forkcli.engine.places import Places

A, B, C = AgentId("f1"), AgentId("f2"), AgentId("f3")


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_an_open_gate_holds_nobody() -> None:
    async def work() -> None:
        gate = Gate(0)
        for name in (A, B, C):
            await gate.wait(name)

    run(work())


def test_the_first_one_passes_also_again_and_the_others_when_its_answer_begins() -> None:
    async def work() -> None:
        gate = Gate(60)
        await gate.wait(A)
        others = [asyncio.create_task(gate.wait(name)) for name in (B, C)]
        await settle()
        await gate.wait(A)
        assert not any(task.done() for task in others)
        gate.open()
        await asyncio.gather(*others)
        await gate.wait(AgentId("f4"))

    run(work())


def test_when_the_first_one_ends_without_an_answer_the_next_one_is_the_first() -> None:
    async def work() -> None:
        gate = Gate(60)
        await gate.wait(A)
        second, third = (asyncio.create_task(gate.wait(name)) for name in (B, C))
        await settle()
        gate.leave(C)  # it was not the first
        gate.leave(A)
        await second
        await settle()
        assert not third.done()
        gate.leave(B)
        await third
        gate.leave(C)
        await gate.wait(AgentId("f4"))

    run(work())


def test_nobody_is_held_for_longer_than_the_gate_was_told() -> None:
    async def work() -> None:
        gate = Gate(0.05)
        await gate.wait(A)
        begun = time.monotonic()
        await asyncio.gather(gate.wait(B), gate.wait(C))
        assert time.monotonic() - begun > 0.04

    run(work())


def test_one_that_is_stopped_while_it_waits_is_forgotten() -> None:
    async def work() -> None:
        gate = Gate(60)
        await gate.wait(A)
        second, third = (asyncio.create_task(gate.wait(name)) for name in (B, C))
        await settle()
        second.cancel()
        await asyncio.wait([second])
        gate.leave(A)
        await third

    run(work())


def test_an_agent_that_waits_lends_its_place() -> None:
    async def work() -> None:
        places = Places(1)
        await places.take(A)
        other = asyncio.create_task(places.take(B))
        await settle()
        assert not other.done()
        async with places.lent(A):
            await other
            places.give(B)
        third = asyncio.create_task(places.take(C))
        await settle()
        assert not third.done()  # the first one has its place again
        places.give(A)
        await third

    run(work())


def test_one_that_waits_anew_while_it_queues_for_its_place_leaves_it_to_others() -> None:
    async def work() -> None:
        places = Places(1)
        await places.take(A)
        answered, asked_late = asyncio.Event(), asyncio.Event()

        async def wait(for_what: asyncio.Event) -> None:
            async with places.lent(A):
                await for_what.wait()

        first = asyncio.create_task(wait(answered))
        await settle()
        await places.take(B)
        answered.set()
        await settle()  # it has its answer, and queues behind B
        second = asyncio.create_task(wait(asked_late))
        await settle()
        places.give(B)
        await asyncio.wait_for(places.take(C), 10)  # who answers the second question
        places.give(C)
        asked_late.set()
        await asyncio.gather(first, second)
        other = asyncio.create_task(places.take(B))
        await settle()
        assert not other.done()  # it has its place again
        other.cancel()

    run(work())


def test_a_place_is_never_given_back_twice() -> None:
    async def work() -> None:
        places = Places(1)
        await places.take(A)
        places.give(A)
        places.give(A)
        places.give(B)
        await places.take(B)
        other = asyncio.create_task(places.take(C))
        await settle()
        assert not other.done()
        other.cancel()

    run(work())


def test_an_agent_without_a_place_lends_none() -> None:
    async def work() -> None:
        places = Places(1)
        async with places.lent(A):
            await places.take(B)
        other = asyncio.create_task(places.take(C))
        await settle()
        assert not other.done()
        other.cancel()

    run(work())


def test_one_that_is_stopped_while_its_place_is_lent_needs_none_again() -> None:
    async def work() -> None:
        places = Places(1)
        await places.take(A)

        async def wait() -> None:
            async with places.lent(A):
                await asyncio.sleep(60)

        waiting = asyncio.create_task(wait())
        await settle()
        await places.take(B)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=30)
        assert waiting.cancelled()

    run(work())

"""One model call: the request leaves, the answer is streamed, and is recorded when it is whole.

A broken stream counts for nothing and is sent again; no tool of an incomplete answer ever runs.
"""

import asyncio
from contextlib import aclosing
from dataclasses import replace

from forkcli.core.budget import OUTPUT_RESERVE
from forkcli.core.entries import Assistant, Failure
from forkcli.core.events import RetryWait, StepDropped, StepStarted, TextDelta, Warned
from forkcli.core.messages import Json
from forkcli.core.reply import ReplyBuilder
from forkcli.core.sharing import cache_alarm, fork_pins
from forkcli.engine.agent import Agent
from forkcli.engine.limiter import GivenUpError, Slot
from forkcli.engine.patience import Tries
from forkcli.engine.ports import ModelError, ModelFault, ModelRequest
from forkcli.engine.rig import Rig

LEAST_OUTPUT = 1024
MOST_OUTPUT = 64_000

_KINDS = {
    ModelFault.OVERLOADED: "unavailable",
    ModelFault.BROKEN: "unavailable",
    ModelFault.UNREACHABLE: "unavailable",
    ModelFault.TOO_LONG: "context",
    ModelFault.AUTH: "refused",
    ModelFault.SPENT: "refused",
}


async def call_model(agent: Agent, rig: Rig) -> None:
    """Make one call and record its answer, or the failure that ends the turn."""
    rig.spent.steps += 1
    agent.emit(StepStarted(agent.id, rig.spent.steps))
    tries = Tries()
    try:
        while not await _tried(agent, rig, tries):
            pass
    finally:
        rig.limiter.over(tries)


async def _tried(agent: Agent, rig: Rig, tries: Tries) -> bool:
    """One attempt, and the wait after it; False if the request is to be sent again."""

    def held(seconds: float, why: str) -> None:
        agent.emit(RetryWait(agent.id, seconds, tries.count, why))

    try:
        if rig.gate is not None:
            await rig.gate.wait(agent.id)
        async with rig.limiter.slot(tries, held) as slot:
            try:
                answer = await _stream(agent, rig, slot)
            except ModelError as error:  # told while the slot is held: nobody else may leave before it is known
                problem, delay = error, slot.failed(error)
            else:
                _keep(agent, rig, answer)
                return True
    except GivenUpError as given_up:
        problem, delay = given_up.error, None
    if delay is None:
        agent.record(Failure(_KINDS.get(problem.fault, "request"), problem.sentence, problem.status))
        return True
    agent.emit(StepDropped(agent.id))
    if delay:
        held(delay, problem.sentence)
        await asyncio.sleep(delay)
    return False


async def _stream(agent: Agent, rig: Rig, slot: Slot) -> Assistant:
    """One attempt. What had come when it is cancelled is recorded as a cut answer."""
    history = agent.history
    limits = await rig.model.limits(history.model)
    room = limits.window - history.context_tokens()
    request = ModelRequest(
        context=history.context(),
        model=history.model,
        effort=history.effort,
        pins=fork_pins(history),
        max_tokens=max(min(limits.max_output, MOST_OUTPUT, max(room, OUTPUT_RESERVE // 4)), LEAST_OUTPUT),
    )
    builder = ReplyBuilder()
    begun = rig.clock()
    rig.reads.sent(history, begun)
    try:
        async with aclosing(rig.model.stream(request)) as events:
            async for event in events:
                if rig.gate is not None:
                    rig.gate.open()
                    rig.gate = None
                if event.get("type") == "message_start":
                    slot.accepted()
                if event.get("type") == "left_out":
                    agent.emit(Warned(agent.id, f"the endpoint refused a field, so it is left out: {event['what']}"))
                if rig.keeper is not None and (tool := _begun_call(event)):
                    rig.keeper.coming(tool)
                for delta in builder.feed(event):
                    agent.emit(TextDelta(agent.id, delta.text, thinking=delta.thinking))
    except asyncio.CancelledError:
        partial = builder.partial(ms=_ms(rig, begun))
        if partial is not None:
            _keep(agent, rig, partial)
        raise
    if not builder.finished:
        raise ModelError(ModelFault.BROKEN, "the answer ended before it was complete")
    return builder.assistant(ms=_ms(rig, begun))


def _begun_call(event: Json) -> str:
    """The tool whose call begins with this event; nothing if none does."""
    block = event.get("content_block") if event.get("type") == "content_block_start" else None
    name = block.get("name") if isinstance(block, dict) and block.get("type") == "tool_use" else None
    return name if isinstance(name, str) else ""


def _keep(agent: Agent, rig: Rig, answer: Assistant) -> None:
    priced = rig.model.cost_usd(answer.model or agent.history.model, answer.usage)
    rig.spent.cost_usd += priced or 0.0
    if priced is None and rig.limits.max_cost_usd is not None and not rig.spent.unpriced:
        rig.spent.unpriced = True
        agent.emit(Warned(agent.id, "no price is known for this model here, so --max-cost does not bound this run"))
    agent.record(replace(answer, cost_usd=priced, model=answer.model or agent.history.model))
    alarm = cache_alarm(agent.history)
    if alarm is not None:
        agent.emit(Warned(agent.id, alarm))


def _ms(rig: Rig, begun: float) -> int:
    return round((rig.clock() - begun) * 1000)

"""A turn: carry out the next action, append what came of it, ask again. The loop keeps nothing in its head."""

import asyncio
from collections.abc import Sequence
from typing import assert_never

from forkcli.core.budget import fullness_notice, marker
from forkcli.core.decide import AnswerLost, CallModel, Finish, Gather, MakeRoom, RunTools, Say, Seal, next_action
from forkcli.core.entries import Body, Checkpoint, Interrupt, Message, Notice, Prompt, Resume
from forkcli.core.events import TurnEnded
from forkcli.core.ids import CallId, Seq
from forkcli.core.interview import own_limit
from forkcli.engine.agent import Agent, Stop
from forkcli.engine.rig import Rig
from forkcli.engine.step import call_model
from forkcli.engine.toolrun import LOST, NOT_RUN, answer_open, run_tools
from forkcli.engine.warmth import keep_warm


async def prompt_turn(agent: Agent, rig: Rig, prompt: Prompt) -> Finish:
    """Answer a prompt. Calls that an earlier turn left open are answered first: as lost if they had started."""
    answer_open(agent, LOST, [key for key, call in agent.history.open_calls.items() if call.started])
    if rig.fleet is not None:
        rig.fleet.settle(agent)
    answer_open(agent, NOT_RUN)
    agent.receive()
    _tell_lost_jobs(agent, rig)
    agent.record(prompt)
    return await run_turn(agent, rig)


async def resume_turn(agent: Agent, rig: Rig, version: str) -> Finish:
    """Go on with a turn that a crash, an error, a limit or a person had stopped."""
    agent.receive()  # before what is told of lost jobs: it may hold the end of one
    _tell_lost_jobs(agent, rig)
    agent.record(Resume(version))
    return await run_turn(agent, rig)


async def run_turn(agent: Agent, rig: Rig) -> Finish:
    """Act until the history says that the turn is over. A stop (`Agent.halt`) ends it with what is complete."""
    agent.take_stop()
    agent.task = asyncio.current_task()
    if rig.fleet is not None:
        rig.fleet.revive(agent, rig)
    warm = asyncio.create_task(keep_warm(agent, rig), name=f"keep {agent.id} warm")
    try:
        end = await _act(agent, rig)
    except asyncio.CancelledError:
        stop = agent.take_stop()
        if stop is None:
            raise
        end = _stopped(agent, stop)
    finally:
        agent.task = None
        if rig.keeper is not None:
            rig.keeper.ended()
        await _ended(warm)
    agent.emit(TurnEnded(agent.id, end.status, end.sentence))
    return end


async def _ended(warm: "asyncio.Task[None]") -> None:
    """End what was done beside a turn. What it could not save, nothing can: that ends the turn too."""
    warm.cancel()
    await asyncio.wait([warm])
    if not warm.cancelled() and (problem := warm.exception()) is not None:
        raise problem


async def _act(agent: Agent, rig: Rig) -> Finish:
    while True:
        match next_action(agent.history):
            case RunTools(calls):
                await run_tools(agent, rig, calls)
            case AnswerLost(calls, started):
                answer_open(agent, LOST if started else NOT_RUN, calls)
            case Gather(calls):
                await _gather(agent, rig, calls)
            case Seal():
                agent.receive()
                await _seal(agent, rig)
            case MakeRoom(cut):
                if rig.rewinder is None:
                    halt = agent.history.halt
                    return Finish("failed", halt.sentence if halt else "the context is full")
                await rig.rewinder.make_room(agent, rig, cut=cut)
            case Say(notice):
                agent.record(notice)
            case CallModel():
                if not _within_limits(agent, rig):
                    continue
                await call_model(agent, rig)
            case Finish() as end:
                if end.status != "done" or not await _goes_on(agent, rig):
                    return end
            case action:
                assert_never(action)


async def _goes_on(agent: Agent, rig: Rig) -> bool:
    """Whether a turn that is done goes on all the same; what arrives while that is found out counts too."""
    return agent.receive() or await _children(agent, rig) or await _checked(agent, rig) or agent.receive()


async def _gather(agent: Agent, rig: Rig, calls: Sequence[CallId]) -> None:
    if rig.fleet is None:
        answer_open(agent, LOST, calls)
    else:
        await rig.fleet.gather(agent, rig, calls)


async def _children(agent: Agent, rig: Rig) -> bool:
    """A turn does not end while children work in the background: wait for the next report, if there will be one."""
    return rig.fleet is not None and await rig.fleet.next_report(agent)


async def _checked(agent: Agent, rig: Rig) -> bool:
    """Nor before it has passed the checks that were asked of it, or has failed them too often."""
    return rig.check is not None and await rig.check(agent, rig)


async def _seal(agent: Agent, rig: Rig) -> None:
    """Close the user-role message durably: the request that carries it may leave only after this."""
    history = agent.history
    limits = await rig.model.limits(history.model)
    tokens = history.context_tokens()
    notice = fullness_notice(history, tokens, limits.window)
    seq = Seq(history.next_seq + (1 if notice else 0))
    bodies: list[Body] = [Notice(notice)] if notice else []
    agent.record(*bodies, Checkpoint(marker(seq, tokens, limits.window), tokens, limits.window))
    if rig.keeper is not None:
        rig.keeper.sealed()


def _within_limits(agent: Agent, rig: Rig) -> bool:
    reason = rig.limits.exceeded(rig.spent.steps, rig.spent.cost_usd) or own_limit(agent.history)
    if reason is not None:
        agent.record(Interrupt("limit", reason))
    return reason is None


def _stopped(agent: Agent, stop: Stop) -> Finish:
    """Put the stop on record. After a stop by the user, calls that never started are answered; a stop by a signal or
    a limit leaves them, so that a resumed turn can still run them."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    if stop.by == "user":
        answer_open(agent, NOT_RUN)
    agent.record(Interrupt(stop.by, stop.reason))
    return Finish("limit" if stop.by == "limit" else "interrupted", stop.reason)


def _tell_lost_jobs(agent: Agent, rig: Rig) -> None:
    alive = rig.jobs.running
    lost = {job: path for job, path in agent.history.lost_jobs.items() if job not in alive}
    if lost:
        root = rig.workspace.root
        agent.record(*(Message(job, _lost(str(root / path) if path else ""), job=job) for job, path in lost.items()))


def _lost(output_file: str) -> str:
    where = f" Its output until then: {output_file}." if output_file else ""
    return (
        f"This background job ended when fork was stopped, if not before.{where} Start it again if it is still needed."
    )

"""Runs the tool calls of one answer: those that only read beside each other, those that write one after the other.

The order for each is fixed: durable intent, effect, durable outcome, event. A call that is cut is answered.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from forkcli.core.answering import only_answers
from forkcli.core.entries import Merge, ToolFacts, ToolResult, ToolStart
from forkcli.core.events import CallOutput, CallStarted
from forkcli.core.ids import CallId
from forkcli.core.messages import Block, text_block
from forkcli.engine.agent import Agent
from forkcli.engine.ports import (
    AGENT_TOOLS,
    ForkOrder,
    RewindOrder,
    SpawnOrder,
    Tool,
    ToolEnv,
    ToolOutcome,
    no_post,
)
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError, Kind

KEPT_OUTPUT = 4000  # characters of live output that a cut call keeps
AT_ONCE = 8  # reading calls that run at the same time

NO_CALL = CallId("")  # of a tool that the user, not the model, has run

INTERRUPTED = "[interrupted while it ran; what it had done stays done]"
NOT_RUN = "[not run: the turn was interrupted before]"
LOST = "[interrupted: fork was stopped while this ran; whether it finished is unknown, look before you run it again]"


async def run_tools(agent: Agent, rig: Rig, calls: Sequence[Block]) -> None:
    """Run the calls and record each result as it comes."""
    for group in _groups(rig, calls):
        if any(CallId(call["id"]) not in agent.history.open_calls for call in group):
            return  # a rewind has left them behind
        if len(group) == 1:
            await _run(agent, rig, group[0])
            continue
        await _beside(agent, rig, group)


def answer_open(agent: Agent, text: str, calls: Sequence[CallId] | None = None) -> None:
    """Record an error result with `text` for each open call (or those named)."""
    wanted = agent.history.open_calls
    chosen = list(wanted) if calls is None else [key for key in calls if key in wanted]
    results = [_said(wanted[key].block, text, is_error=True) for key in chosen]
    if results:
        agent.record(*results)


def _groups(rig: Rig, calls: Sequence[Block]) -> Iterator[list[Block]]:
    """Neighbouring calls that only read stand together; every other call stands alone; those that fork come last."""
    group: list[Block] = []
    for call in sorted(calls, key=lambda call: call["name"] in AGENT_TOOLS):
        tool = rig.tools.get(call["name"])
        if tool is not None and tool.only_reads(call["input"]):
            group.append(call)
            continue
        if group:
            yield group
            group = []
        yield [call]
    if group:
        yield group


async def _beside(agent: Agent, rig: Rig, group: Sequence[Block]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    try:
        async with asyncio.TaskGroup() as tasks:
            for call in group:
                tasks.create_task(_gated(gate, agent, rig, call))
    except BaseExceptionGroup as errors:  # an error that is raised in an `except*` would be put in a group again
        failed = errors.subgroup(ForkError)
        if failed is None:
            raise
        raise _first(failed) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


async def _gated(gate: asyncio.Semaphore, agent: Agent, rig: Rig, call: Block) -> None:
    async with gate:
        await _run(agent, rig, call)


async def _run(agent: Agent, rig: Rig, call: Block) -> None:
    tool = rig.tools.get(call["name"])
    if tool is None:
        names = ", ".join(rig.tools)
        agent.record(_said(call, f"There is no tool {call['name']}. Tools: {names}.", is_error=True))
        return
    try:
        args = tool.check(call["input"])
    except ForkError as error:
        agent.record(_said(call, _readable(error), is_error=True))
        return
    if not _is_its_own_record(tool.name, args):
        if rig.keeper is not None and not tool.only_reads(args):
            await rig.keeper.before_write()  # who is stopped here has not started the call
        agent.record(ToolStart(CallId(call["id"]), tool.name), sync=not tool.only_reads(args))
    agent.emit(CallStarted(agent.id, call))
    await _carry_out(agent, rig, tool, call, args)


def _is_its_own_record(name: str, args: Block) -> bool:
    """Whether the call may run again after a crash: an order, which is on record itself, or a question."""
    return name in AGENT_TOOLS or (name == "send" and args["wait"])


async def _carry_out(agent: Agent, rig: Rig, tool: Tool, call: Block, args: Block) -> None:
    key = CallId(call["id"])
    heard: list[str] = []

    def output(text: str) -> None:
        heard.append(text)
        if sum(map(len, heard)) > 2 * KEPT_OUTPUT:
            heard[:] = ["".join(heard)[-KEPT_OUTPUT:]]
        agent.emit(CallOutput(agent.id, key, text))

    begun = time.monotonic()
    try:
        outcome = await tool.run(args, tool_env(agent, rig, key, output))
    except ForkError as error:
        if error.kind is Kind.STORAGE:
            raise
        outcome = ToolOutcome((text_block(_readable(error)),), is_error=True)
    except asyncio.CancelledError:
        kept = "".join(heard)[-KEPT_OUTPUT:].strip()
        agent.record(_said(call, f"{kept}\n{INTERRUPTED}".strip(), is_error=True, ms=_ms(begun)))
        raise
    if outcome is None:
        return  # it is answered elsewhere
    agent.record(
        ToolResult(key, tool.name, outcome.content, is_error=outcome.is_error, ms=_ms(begun), facts=outcome.facts)
    )


def _silent(_text: str) -> None:
    """Live output that nobody watches."""


def tool_env(agent: Agent, rig: Rig, key: CallId = NO_CALL, output: Callable[[str], None] = _silent) -> ToolEnv:
    """What a tool may use for the call `key` of this agent."""
    history = agent.history
    return ToolEnv(
        agent=agent.id,
        workspace=rig.workspace,
        files=agent.files,
        access=history.access,
        net=history.net,
        cwd=history.cwd or rig.cwd,
        approve=partial(rig.approvals.approve, agent, key),
        output=output,
        jobs=rig.jobs,
        fork=partial(_order, agent, rig, key),
        spawn=partial(_spawn, agent, rig, key),
        merge=partial(_merge, agent, rig),
        rewind=partial(_rewind, agent, rig, key),
        send=no_post if rig.post is None else partial(rig.post.send, agent, rig),
        ask=no_post if rig.post is None else partial(rig.post.ask, agent, rig, key),
        attended=rig.approvals.attended,
    )


async def _order(agent: Agent, rig: Rig, key: CallId, wanted: ForkOrder) -> None:
    if rig.fleet is None or only_answers(agent.history):
        raise ForkError("no agents can be started here")
    await rig.fleet.order(agent, rig, key, wanted)


async def _rewind(agent: Agent, rig: Rig, key: CallId, wanted: RewindOrder) -> None:
    if rig.rewinder is None or only_answers(agent.history):
        raise ForkError("nothing can be rewound here")
    await rig.rewinder.rewind(agent, rig, key, wanted)


async def _spawn(agent: Agent, rig: Rig, key: CallId, wanted: SpawnOrder) -> None:
    if rig.fleet is None or only_answers(agent.history):
        raise ForkError("no agents can be started here")
    await rig.fleet.spawn(agent, rig, key, wanted)


async def _merge(agent: Agent, rig: Rig, name: str) -> Merge:
    if rig.fleet is None:
        raise ForkError("there are no forks here")
    return await rig.fleet.merge(agent, rig, name)


def _said(call: Block, text: str, *, is_error: bool, ms: int = 0) -> ToolResult:
    return ToolResult(
        CallId(call["id"]), call["name"], (text_block(text),), is_error=is_error, ms=ms, facts=ToolFacts()
    )


def _readable(error: ForkError) -> str:
    return "\n".join([error.sentence[:1].upper() + error.sentence[1:] + ".", *error.hints])


def _ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)

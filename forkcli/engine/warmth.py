"""Keeps in the endpoint's cache what agents that wait will need again, where nobody else does.

The cache forgets a prefix that was not read for five minutes. Forks that work read their parent's with every request;
an agent whose forks build for half an hour, or that waits for a person, has nobody who does. Then a request without an
answer reads it, for a tenth or less of what writing it again costs, and a bounded number of times: past that the
waiting may as well be without end. Invariant: nothing is sent for an agent that has no turn, nor for what is forgotten
already.
"""

from forkcli.core.entries import Warmed
from forkcli.core.sharing import CACHE_LIVES_S, WORTH, cached_tokens, kept_prefix
from forkcli.engine.agent import Agent
from forkcli.engine.limiter import GivenUpError
from forkcli.engine.patience import Tries
from forkcli.engine.ports import ModelError, ModelRequest
from forkcli.engine.rig import Rig

EVERY_S = 240.0


async def keep_warm(agent: Agent, rig: Rig) -> None:
    """Until it is cancelled with the agent's turn, or until it does not help: the endpoint refuses it, or forgets."""
    rig.reads.kept.add(agent.id)
    try:
        await _keep(agent, rig)
    finally:
        rig.reads.kept.discard(agent.id)


async def _keep(agent: Agent, rig: Rig) -> None:
    reads, history = rig.reads, agent.history
    sent, own = 0, None
    while True:
        last, now = reads.last(history), rig.clock()
        rest = EVERY_S if last is None else EVERY_S - (now - last)
        if rest > 0:
            await reads.sleep(rest)
            continue
        if reads.own.get(agent.id) != own:  # it has made a request of its own since
            sent, own = 0, reads.own.get(agent.id)
        if rest <= EVERY_S - CACHE_LIVES_S or sent >= reads.most or not _worth_it(agent, rig):
            await reads.sleep(EVERY_S)
            continue
        if not await _read(agent, rig):
            return
        reads.sent(history, now)
        sent, own = sent + 1, now


def _worth_it(agent: Agent, rig: Rig) -> bool:
    """Whether a request pays: what a fork shares with a parent that has a turn, that one looks after."""
    about = agent.history.agent
    shared = about is not None and about.parent in rig.reads.kept
    spent = rig.limits.exceeded(rig.spent.steps, rig.spent.cost_usd)
    return spent is None and cached_tokens(agent.history, own=shared) >= WORTH


async def _read(agent: Agent, rig: Rig) -> bool:
    """Read the agent's prefix once and put down what it cost; False if it was of no use."""
    history = agent.history
    request = ModelRequest(kept_prefix(history), history.model, history.effort, max_tokens=0)
    tries, begun = Tries(), rig.clock()
    try:
        async with rig.limiter.slot(tries, lambda _seconds, _why: None) as slot:
            try:
                usage = await rig.model.warm(request)
            except ModelError as error:
                slot.failed(error)
                return False
            slot.accepted()
    except GivenUpError:
        return False
    finally:
        rig.limiter.over(tries)
    cost = rig.model.cost_usd(history.model, usage)
    rig.spent.cost_usd += cost or 0.0
    agent.record(Warmed(history.model, usage, round((rig.clock() - begun) * 1000), cost))
    return usage.cache_read_input_tokens * 2 > usage.prompt_tokens

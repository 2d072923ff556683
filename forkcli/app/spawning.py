"""`/spawn`: the person orders a spawned agent beside the work of the one in focus. Its report comes as a message."""

from forkcli.app.driver import ReplDriver
from forkcli.core.ids import AgentId
from forkcli.engine.ports import SpawnOrder, Task
from forkcli.errors import ForkError, Kind
from forkcli.ui.ports import Lines, Shown

ME = "--me"


async def spawn(driver: ReplDriver, rest: str) -> Shown:
    """`/spawn [--me] TASK`. Raises ForkError without a task, or beyond a bound."""
    first, _, more = rest.strip().partition(" ")
    task = more.strip() if first == ME else rest.strip()
    if not task:
        raise ForkError(
            "`/spawn` takes a task", f"`/spawn {ME} TASK`: it asks you what it has to know", kind=Kind.USAGE
        )
    session = await driver.open()
    above = session.agent
    order = SpawnOrder("", (Task(task),), "user" if first == ME else "fork", wait=False)
    await session.fleet.spawn(above, session.rig, None, order)
    name: AgentId = next(reversed(above.history.forks))
    asks = "asks you what it has to know" if first == ME else f"may ask a fork of {above.id} what it has to know"
    return Lines(f"{name} {asks}, then works on it; its report comes to {above.id}. /go {name} moves there.")

"""`/spawn`: the person orders a spawned agent beside the work of the one in focus. Its report comes as a message."""

from forkcli.app.driver import ReplDriver
from forkcli.app.talking import first_word
from forkcli.core.ids import AgentId
from forkcli.core.orders import Interview
from forkcli.engine.ports import SpawnOrder, Task
from forkcli.errors import ForkError, Kind
from forkcli.ui.ports import Lines, Shown

ME = "--me"
_DOES: dict[Interview, str] = {
    "user": "{agent} asks you what it has to know, then works on it",
    "fork": "{agent} may ask a fork of {above} what it has to know, then works on it",
    "none": "{agent} works on it, and asks nobody: {above} knows nothing yet",
}


async def spawn(driver: ReplDriver, rest: str) -> Shown:
    """`/spawn [--me] TASK`. Raises ForkError without a task, or beyond a bound."""
    first, more = first_word(rest)
    if first.startswith("--") and first != ME:
        raise ForkError(f"`/spawn` takes no {first}", f"`/spawn [{ME}] TASK`", kind=Kind.USAGE)
    task = more if first == ME else rest.strip()
    if not task:
        raise ForkError(
            "`/spawn` takes a task", f"`/spawn {ME} TASK`: it asks you what it has to know", kind=Kind.USAGE
        )
    session = await driver.open()
    above = session.agent
    if not session.prompt_file.exists():
        session.around.scratch.write_prompt(session.id, [task.encode("utf-8", "replace")])
    mode: Interview = "user" if first == ME else "fork" if above.history.was_asked else "none"
    await session.fleet.spawn(above, session.rig, None, SpawnOrder("", (Task(task),), mode, wait=False))
    name: AgentId = next(reversed(above.history.forks))
    does = _DOES[mode].format(agent=name, above=above.id)
    return Lines(f"{does}; its report comes to {above.id}. /go {name} moves there.")

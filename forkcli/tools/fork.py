"""The tool `fork`: orders new agents that share the caller's whole past. The fleet runs them and answers the call."""

from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.messages import Json
from forkcli.engine.ports import ForkOrder, Task, ToolEnv
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.schema import tool_schema

MOST_TASKS = 32  # of one call

TASK: Json = {
    "type": "object",
    "properties": {
        "task": {"type": "string"},
        "access": {"type": "string", "enum": ["write", "read"], "default": "write"},
        "max_steps": {"type": "integer", "minimum": 1},
    },
    "required": ["task"],
    "additionalProperties": False,
}
PROPERTIES: Json = {
    "tasks": {"type": "array", "items": TASK},
    "wait": {"type": "boolean", "default": True},
    "merge": {"type": "string", "enum": ["auto", "none"], "default": "auto"},
}


def fork_tool() -> "Fork":
    """The tool with its description read."""
    return Fork(tool_schema("fork", PROPERTIES, ["tasks"]))


@dataclass(frozen=True, slots=True)
class Fork(Builtin):
    """Fills the `Tool` port."""

    def check(self, args: Json) -> Json:
        """The input with its defaults; every task says something."""
        given = Builtin.check(self, args)
        checked_tasks(given["tasks"])
        return given

    async def run(self, args: Json, env: ToolEnv) -> None:
        """Order the forks. Raises ForkError beyond a bound of the session: then none is started."""
        await env.fork(ForkOrder(tasks_of(args["tasks"]), args["wait"], args["merge"]))


def checked_tasks(tasks: Sequence[Json]) -> None:
    """Raises ForkError unless there are some, not too many, and each says something."""
    if not 1 <= len(tasks) <= MOST_TASKS:
        raise ForkError(f"`tasks` holds {len(tasks)} tasks, and a call takes 1 to {MOST_TASKS}")
    for number, task in enumerate(tasks, start=1):
        if not task["task"].strip():
            raise ForkError(f"task {number} is empty", "say what is to be done and to be handed back")


def tasks_of(tasks: Sequence[Json]) -> tuple[Task, ...]:
    """Checked tasks as they are ordered."""
    return tuple(Task(task["task"], task["access"], task.get("max_steps")) for task in tasks)

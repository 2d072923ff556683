"""The tool `spawn`: orders new agents that share nothing of the caller's past. The fleet runs them and answers."""

from dataclasses import dataclass

from forkcli.core.messages import Json
from forkcli.engine.ports import SpawnOrder, ToolEnv
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.fork import TASK, checked_tasks, tasks_of
from forkcli.tools.schema import tool_schema

MOST_BYTES = 64 * 1024  # of a brief: what is longer belongs into a file
MODES = ("fork", "self", "none")

PROPERTIES: Json = {
    "brief": {"type": "string"},
    "tasks": {"type": "array", "items": TASK},
    "interview": {"type": "string", "enum": list(MODES), "default": "fork"},
    "model": {"type": "string"},
    "merge": {"type": "string", "enum": ["auto", "none"], "default": "auto"},
}


def spawn_tool() -> "Spawn":
    """The tool with its description read."""
    return Spawn(tool_schema("spawn", PROPERTIES, ["brief", "tasks"]))


@dataclass(frozen=True, slots=True)
class Spawn(Builtin):
    """Fills the `Tool` port."""

    def check(self, args: Json) -> Json:
        """The input with its defaults; brief and tasks say something."""
        given = Builtin.check(self, args)
        if not given["brief"].strip():
            raise ForkError("`brief` is empty", "say what the new agent cannot read in the project: it knows nothing")
        size = len(given["brief"].encode(errors="replace"))
        if size > MOST_BYTES:
            raise ForkError(
                f"`brief` has {size:,} bytes, and takes up to {MOST_BYTES:,}",
                "put it into a file, for instance under `.fork/notes/`, and name its path",
            )
        checked_tasks(given["tasks"])
        return given

    async def run(self, args: Json, env: ToolEnv) -> None:
        """Order the agents. Raises ForkError beyond a bound of the session: then none is started."""
        await env.spawn(
            SpawnOrder(
                brief=args["brief"],
                tasks=tasks_of(args["tasks"]),
                interview=args["interview"],
                model=(args.get("model") or "").strip(),
                wait=args["interview"] != "self",
                merge=args["merge"],
            )
        )

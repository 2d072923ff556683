"""The tool `rewind`: takes the caller back to a checkpoint of its own, with a report. That itself answers the call."""

from dataclasses import dataclass

from forkcli.core.messages import Json
from forkcli.engine.ports import RewindOrder, ToolEnv
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.schema import tool_schema

PROPERTIES: Json = {
    "to": {"type": "integer", "minimum": 1},
    "report": {"type": "string", "minLength": 1},
    "files": {"type": "string", "enum": ["keep", "restore"], "default": "keep"},
}


def rewind_tool() -> "Rewind":
    """The tool with its description read."""
    return Rewind(tool_schema("rewind", PROPERTIES, ["to", "report"]))


@dataclass(frozen=True, slots=True)
class Rewind(Builtin):
    """Fills the `Tool` port."""

    def check(self, args: Json) -> Json:
        """The input with its defaults; the report says something."""
        given = Builtin.check(self, args)
        if not given["report"].strip():
            raise ForkError(
                "`report` is empty",
                "it is all that you will know of it: say what you found and what is left",
            )
        return given

    async def run(self, args: Json, env: ToolEnv) -> None:
        """Go back. Raises ForkError for what cannot be gone back to: then nothing has happened."""
        await env.rewind(RewindOrder(args["to"], args["report"].strip(), args["files"]))

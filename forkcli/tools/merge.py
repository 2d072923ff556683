"""The tool `merge`: brings the files of a fork that kept them into the caller's workspace."""

from dataclasses import dataclass

from forkcli.core.entries import ToolFacts
from forkcli.core.messages import Json, text_block
from forkcli.core.reports import files_of, settling
from forkcli.engine.ports import ToolEnv, ToolOutcome
from forkcli.tools.builtin import Builtin
from forkcli.tools.paths import may_write
from forkcli.tools.schema import tool_schema

PROPERTIES: Json = {"agent": {"type": "string"}}


def merge_tool() -> "Merge":
    """The tool with its description read."""
    return Merge(tool_schema("merge", PROPERTIES, ["agent"]))


@dataclass(frozen=True, slots=True)
class Merge(Builtin):
    """Fills the `Tool` port."""

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Merge, and say what became of the files. A conflict is an error that names the paths."""
        may_write(self.name, env)
        merge = await env.merge(args["agent"])
        told = settling(merge)
        text = f"Files of {merge.agent}: {files_of(merge)}.{f' {told}.' if told else ''}"
        changed = merge.paths if merge.outcome == "merged" else ()
        return ToolOutcome((text_block(text),), merge.outcome == "conflict", ToolFacts(changed=changed))

"""The tool `send`: a message to another agent or to the person, or a question whose answer is the result."""

from dataclasses import dataclass

from forkcli.core.messages import Json, text_block
from forkcli.engine.ports import ToolEnv, ToolOutcome
from forkcli.errors import ForkError
from forkcli.tools.builtin import Builtin
from forkcli.tools.schema import tool_schema

MOST_BYTES = 64 * 1024  # of one message; the receiver's context gets the head and the tail of a long one

PROPERTIES: Json = {
    "to": {"type": "string"},
    "text": {"type": "string"},
    "wait": {"type": "boolean", "default": False},
}


def send_tool() -> "Send":
    """The tool with its description read."""
    return Send(tool_schema("send", PROPERTIES, ["to", "text"]))


@dataclass(frozen=True, slots=True)
class Send(Builtin):
    """Fills the `Tool` port."""

    def only_reads(self, args: Json) -> bool:
        """A question changes nothing, so several may be asked at once."""
        return args.get("wait") is True

    def check(self, args: Json) -> Json:
        """The input with its defaults; the text says something, and is no file."""
        given = Builtin.check(self, args)
        if not given["text"].strip():
            raise ForkError("`text` is empty", "say what the other should know or answer")
        size = len(given["text"].encode(errors="replace"))
        if size > MOST_BYTES:
            raise ForkError(
                f"`text` has {size:,} bytes, and a message takes up to {MOST_BYTES:,}",
                "put it into a file, for instance under `.fork/notes/`, and send its path",
            )
        return given

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Send or ask. Raises ForkError: no such agent, a full inbox, nobody who could answer."""
        post = env.ask if args["wait"] else env.send
        return ToolOutcome((text_block(await post(args["to"].strip(), args["text"])),))

"""Commands that ran outside of the sandbox: what they changed elsewhere, no snapshot holds and no rewind takes back.

Pure. Where it cannot be known, a command counts as one that did.
"""

from collections.abc import Iterable

from forkcli.core import entries as e
from forkcli.core.ids import CallId, Seq
from forkcli.core.messages import Block, calls_of


def ran_outside(entries: Iterable[e.Entry], since: Seq) -> tuple[str, ...]:
    """The commands that ran without the sandbox after entry `since`, on every branch: each once, in their order.

    They did with access `full`, or with the user's leave, which can hold for later runs of the same command too.
    """
    access: e.Access = "write"
    commands: dict[CallId, str] = {}
    always: set[str] = set()
    found: dict[str, None] = {}
    for entry in entries:
        out = ""
        match entry.body:
            case e.Agent(access=now) | e.AccessChange(access=now):
                access = now
            case e.Assistant(content=content):
                commands |= {CallId(str(call.get("id"))): _command(call) for call in calls_of(content)}
            case e.ToolStart(call=call, name="bash") if access == "full" or commands.get(call) in always:
                out = commands.get(call, "")
            case e.Checked(what="until", subject=command) if access == "full":
                out = command
            case e.Approval(what="unsandboxed", command=command, answer="once" | "always" as answer):
                out = command
                always |= {command} if answer == "always" else set()
            case _:
                pass
        if out and entry.seq > since:
            found[out] = None
    return tuple(found)


def _command(call: Block) -> str:
    """What a call is to run; nothing where it only stops a job."""
    given = call.get("input")
    command = given.get("command") if isinstance(given, dict) else None
    return command if isinstance(command, str) else ""

"""Decides how a command may run: in the sandbox, with network, or outside of it, and asks where the user has to agree.

The one place that answers this. A refusal is a text for the model; nothing here runs anything.
"""

from dataclasses import dataclass
from typing import Literal

from forkcli.core.messages import Json
from forkcli.engine.ports import Question, ToolEnv

NOBODY = "nobody is there to be asked in this run"


@dataclass(frozen=True, slots=True)
class Permit:
    """How a command may run."""

    net: bool
    sandboxed: bool


async def permit(args: Json, env: ToolEnv) -> Permit | str:
    """What is allowed for this command, or why it may not run."""
    if env.access == "full":
        return Permit(net=True, sandboxed=False)
    if not env.workspace.contained:
        allowed = await _ask("unsandboxed", args, env)
        return Permit(net=True, sandboxed=False) if allowed else _no_sandbox(env)
    wants_net = bool(args["net"])
    if "why" in args and not wants_net:
        return await _outside(args, env)
    if not wants_net or env.net:
        return Permit(net=env.net, sandboxed=True)
    return Permit(net=True, sandboxed=True) if await _ask("net", args, env) else _no_net(env)


async def _outside(args: Json, env: ToolEnv) -> Permit | str:
    if env.access == "read":
        return (
            "Not run: your access is `read`, so nothing runs outside the sandbox. Leave `why` out to run it inside, "
            "where the project cannot be written."
        )
    return Permit(net=True, sandboxed=False) if await _ask("unsandboxed", args, env) else _no_outside(env)


async def _ask(what: Literal["net", "unsandboxed"], args: Json, env: ToolEnv) -> bool:
    cwd = "" if env.cwd == str(env.workspace.root) else env.workspace.relative(env.cwd)
    return await env.approve(Question(env.agent, what, args["command"], args.get("why", ""), cwd))


def _no_net(env: ToolEnv) -> str:
    who = "the user refused network for this command" if env.attended else f"it asks for network, and {NOBODY}"
    return (
        f"Not run: {who}. Do not ask for the same again: go on without it, or say in your last message what it is "
        "needed for (the user can allow it with `--net` or `/access`)."
    )


def _no_outside(env: ToolEnv) -> str:
    who = "the user refused to run this outside the sandbox" if env.attended else f"`why` asks the user, and {NOBODY}"
    return (
        f"Not run: {who}. Do not ask for the same again: without `why` it runs inside; or say in your last message "
        "what the user should run themselves."
    )


def _no_sandbox(env: ToolEnv) -> str:
    return (
        f"Not run: there is no working sandbox here ({env.workspace.sandbox}) and running this command without one was "
        "not allowed. `read`, `write` and `edit` work; the user can allow commands with `--access full`."
    )

"""The tool `bash`: runs a command in the workspace, in the foreground or as a background job, or stops such a job.

It decides what may leave the sandbox (`permit.py`) and never runs what was not allowed; containment itself is the
workspace's. The whole output of a long command is in a file before the model reads of it.
"""

import asyncio
import codecs
from dataclasses import dataclass
from pathlib import Path

from forkcli.core.entries import ToolFacts
from forkcli.core.messages import Json, text_block
from forkcli.engine.ports import Command, CommandEnd, ToolEnv, ToolOutcome
from forkcli.errors import ForkError, Kind
from forkcli.tools.builtin import Builtin
from forkcli.tools.hints import exit_note, sandbox_hint
from forkcli.tools.output import Shown, shown
from forkcli.tools.permit import Permit, permit
from forkcli.tools.plain import is_binary, plain
from forkcli.tools.schema import tool_schema

FIRST_LOOK_S = 0.3  # how long a background job is watched before the call returns
FIRST_LOOK_CHARS = 4000
STOPPED_CHARS = 4000  # of a stopped job's last output

PROPERTIES: Json = {
    "command": {"type": "string"},
    "timeout_s": {"type": "integer", "minimum": 1, "maximum": 600, "default": 120},
    "background": {"type": "boolean", "default": False},
    "stop": {"type": "string", "description": "a job's id, instead of command"},
    "net": {"type": "boolean", "default": False},
    "why": {"type": "string"},
}


def bash_tool() -> "Bash":
    """The tool with its description read."""
    return Bash(tool_schema("bash", PROPERTIES, []))


@dataclass(frozen=True, slots=True)
class Bash(Builtin):
    """Fills the `Tool` port."""

    def check(self, args: Json) -> Json:
        """The input with its defaults; exactly one of `command` and `stop` (an empty string is none)."""
        given = Builtin.check(self, args)
        for key in ("command", "stop", "why"):
            if not given.get(key, "").strip():
                given.pop(key, None)
        if ("command" in given) == ("stop" in given):
            raise ForkError("`bash` takes either `command` or `stop`", "`stop` is a background job's id, e.g. `j1`")
        if "\0" in given.get("command", ""):
            raise ForkError("a NUL character cannot stand in a command", "write it as `$'\\0'` or use printf")
        return given

    async def run(self, args: Json, env: ToolEnv) -> ToolOutcome:
        """Run or stop; what was refused is an error result that says so."""
        if "stop" in args:
            return await _stop(args["stop"], env)
        allowed = await permit(args, env)
        if isinstance(allowed, str):
            return ToolOutcome((text_block(allowed),), is_error=True)
        if args["background"]:
            return await _background(args["command"], allowed, env)
        return await _foreground(args, allowed, env)


async def _foreground(args: Json, allowed: Permit, env: ToolEnv) -> ToolOutcome:
    spool = env.files.new_output("bash")
    command = _command(args["command"], allowed, env, spool, args["timeout_s"])
    running = await env.workspace.start(command, _Live(env).feed)
    end = await running.wait()
    name = _name(spool, end.cwd or env.cwd, env)
    output = await asyncio.to_thread(shown, end, spool, name) if end.tail else shown(end, spool, name)
    kept = _keep(output, end, spool)
    text = _told(output.text, end, args["timeout_s"], env)
    hint = sandbox_hint(output.text, end.exit_code, allowed, env.access, attended=env.attended)
    facts = ToolFacts(
        exit_code=end.exit_code,
        cwd=end.cwd if end.cwd != env.cwd else None,
        output_file=env.workspace.relative(str(spool)) if kept else None,
    )
    blocks = (text_block(f"{text}\n{hint}" if hint else text),)
    return ToolOutcome(blocks, is_error=end.timed_out or end.capped or end.exit_code is None, facts=facts)


def _command(script: str, allowed: Permit, env: ToolEnv, spool: Path, timeout_s: float | None) -> Command:
    """A foreground command has a time limit and needs its file only for long output; a job the other way round."""
    return Command(
        script=script,
        cwd=env.cwd,
        timeout_s=timeout_s,
        net=allowed.net,
        sandboxed=allowed.sandboxed,
        access=env.access,
        spool=spool,
        spool_at_once=timeout_s is None,
    )


def _name(path: Path, cwd: str, env: ToolEnv) -> str:
    """A file's name that a command can use where the shell stands: absolute where that is not the root."""
    return env.workspace.relative(str(path)) if cwd == str(env.workspace.root) else str(path)


def _keep(output: Shown, end: CommandEnd, spool: Path) -> bool:
    """Leave the whole output in its file exactly when the context does not hold it; whether it is there."""
    if not output.cut:
        spool.unlink(missing_ok=True)
        return False
    if not end.spooled:
        _save(spool, (end.head + end.tail).encode(errors="replace"))
    return True


def _save(path: Path, data: bytes) -> None:
    try:
        path.touch(0o600, exist_ok=False)
        path.write_bytes(data)
    except OSError as error:
        raise ForkError(f"the output could not be saved to {path}: {error.strerror}", kind=Kind.STORAGE) from error


def _told(output: str, end: CommandEnd, timeout_s: float, env: ToolEnv) -> str:
    """The result's text: output, how it ended if not well, and where the shell stands if it moved."""
    lines = [output or "[no output]"]
    if end.timed_out:
        lines.append(
            f"[timed out after {timeout_s:g} s: killed with all it started; `timeout_s` may be up to 600, "
            "`background` has no limit]"
        )
    elif end.capped:
        lines.append("[killed: output over 64 MiB]")
    elif note := exit_note(end.exit_code):
        lines.append(note)
    if end.cwd is not None and end.cwd != env.cwd:
        home = end.cwd == str(env.workspace.root)
        lines.append("[cwd: the project's root]" if home else f"[cwd: {env.workspace.relative(end.cwd)}]")
    return "\n".join(lines)


async def _background(script: str, allowed: Permit, env: ToolEnv) -> ToolOutcome:
    """Start a job, watch it for a moment, and return while it runs. A cut call leaves no job behind."""
    spool = env.files.new_output("job")
    live = _Live(env)
    running = await env.workspace.start(_command(script, allowed, env, spool, None), live.feed)
    job = env.jobs.start(running, script, spool)
    try:
        end = await env.jobs.look(job, FIRST_LOOK_S)
    except asyncio.CancelledError:
        running.kill()
        raise
    live.silence()
    name = _name(spool, env.cwd, env)
    lines = [f"[job {job} runs in the background; its output: {name}]"]
    if end is not None:
        lines = [f"[job {job} has already ended; its output: {name}]", exit_note(end.exit_code) or "[exit 0]"]
    said = live.first()
    text = "\n".join([lines[0], *([said] if said else []), *lines[1:]])
    code = end.exit_code if end else None
    path = env.workspace.relative(str(spool))
    facts = ToolFacts(exit_code=code, output_file=path, job=job, job_over=end is not None)
    return ToolOutcome((text_block(text),), facts=facts)


async def _stop(job: str, env: ToolEnv) -> ToolOutcome:
    end = await env.jobs.stop(job)
    last = plain(end.tail or end.head)[-STOPPED_CHARS:].strip("\n")
    if is_binary(end.tail or end.head):
        last = "[its last output is binary]"
    said = f"Its last output:\n{last}" if last else "It had written nothing."
    text = f"[job {job} stopped after {end.seconds:.1f} s]\n{said}"
    return ToolOutcome((text_block(text),), facts=ToolFacts(exit_code=end.exit_code, job=job, job_over=True))


class _Live:
    """Decodes output as it comes for the screen, and keeps its beginning."""

    __slots__ = ("_decode", "_env", "_first", "_silent")

    def __init__(self, env: ToolEnv) -> None:
        self._env = env
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._first = ""
        self._silent = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes; after `silence` they go nowhere."""
        if self._silent:
            return
        text = self._decode(data)
        if len(self._first) < FIRST_LOOK_CHARS:
            self._first += text[:FIRST_LOOK_CHARS]
        if text:
            self._env.output(text)

    def silence(self) -> None:
        """The call is over: a job's later output is nobody's but its file's."""
        self._silent = True

    def first(self) -> str:
        """What came so far, as text for the model."""
        return "[binary output]" if is_binary(self._first) else plain(self._first[:FIRST_LOOK_CHARS]).strip("\n")

"""Rows on starting: the version, the prompt on the screen, one turn, and opening a long session."""

import os
import pty
import select
import signal
import sys
import time
from functools import partial

from forkcli.models.scripted.script import call, reply
from forkcli.models.scripted.server import ScriptedServer
from tests.bench.lab import Figure, Lab, Row, interleaved, steps

TIMES = 15
PROMPT_SIGN = b"claude-opus"  # the status line, drawn together with the input line, names the model
WAIT_S = 20


def _python(lab: Lab, code: str) -> float:
    return lab.run([sys.executable, "-c", code])


def _ratio(own: float, other: float, bar: float) -> Figure:
    return Figure(f"{own / other:.2f} × ({1000 * own:.0f} ms to {1000 * other:.0f} ms)", own <= bar * other)


def version(lab: Lab) -> Figure:
    """`fork --version` against the bare interpreter."""
    own, other = interleaved(TIMES, lambda: lab.run([*lab.fork, "--version"]), partial(_python, lab, "pass"))
    return _ratio(own, other, 2.0)


def _until_prompt(lab: Lab, base_url: str) -> float:
    """Seconds from the start of the REPL in a real pseudo-terminal until its input line and status are drawn."""
    begun = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(lab.project)
        os.execve(lab.fork[0], [*lab.fork, "--base-url", base_url], lab.env)
    seen = b""
    try:
        while PROMPT_SIGN not in seen:
            if time.perf_counter() - begun > WAIT_S or not select.select([terminal], [], [], WAIT_S)[0]:
                raise TimeoutError(f"no prompt after {WAIT_S} s: {seen[-400:]!r}")
            seen += os.read(terminal, 65536)
            if b"\x1b[6n" in seen:  # the screen asks where the cursor is, as every terminal answers
                os.write(terminal, b"\x1b[1;1R")
        return time.perf_counter() - begun
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def prompt(lab: Lab) -> Figure:
    """The REPL's prompt against importing what any such screen needs."""
    imports = "import typer, rich.console, prompt_toolkit"
    with ScriptedServer([]) as server:
        own, other = interleaved(TIMES, partial(_until_prompt, lab, server.base_url), partial(_python, lab, imports))
    return _ratio(own, other, 1.5)


def turn(lab: Lab) -> Figure:
    """One whole `-p` turn against importing the SDK."""
    with ScriptedServer(lambda _: reply("Hello.")) as server:
        own, other = interleaved(TIMES, lambda: lab.run(lab.turn(server)), partial(_python, lab, "import anthropic"))
    return _ratio(own, other, 1.25)


def resume(lab: Lab) -> Figure:
    """Opening a session of 1,000 steps: the time until its next request, above that of a new session."""
    lab.forget()
    with ScriptedServer(steps(1000, call("read", path="src/hello.py")), check=False, keep=2) as server:
        lab.run(lab.turn(server))
    with ScriptedServer(lambda _: reply("Hello."), check=False, keep=2) as server:
        old, new = interleaved(5, partial(_to_request, lab, server, "-c"), partial(_to_request, lab, server))
    return Figure(f"{1000 * (old - new):.0f} ms", old - new <= 0.5)


def _to_request(lab: Lab, server: ScriptedServer, *more: str) -> float:
    if more:
        newest = max((lab.project / ".fork/sessions").iterdir(), key=_size).name
        more = ("-r", newest)
    begun = time.time()
    lab.run(lab.turn(server, "go on", *more))
    return server.requests[-1].at - begun


def _size(folder: os.PathLike[str]) -> int:
    return os.stat(os.path.join(folder, "agents/main/history.jsonl")).st_size


ROWS = (
    Row("version", "`fork --version`", "≤ 2 × `python -c pass`", version),
    Row("prompt", "prompt on screen", "≤ 1.5 × importing typer, rich.console, prompt_toolkit", prompt),
    Row("turn", "one `-p` turn, local server", "≤ 1.25 × `import anthropic`", turn),
    Row("resume", "opening a session of 1,000 steps", "≤ 500 ms above a new session", resume),
)

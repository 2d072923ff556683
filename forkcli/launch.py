"""How a run starts: which mode, with which data, in which directory. What the command line does once it is parsed.

It never parses options and never talks to a model. Invariant: the REPL runs only between two terminals.
"""

import os
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from forkcli.config import Flags, Settings, load
from forkcli.core.nearby import nearby
from forkcli.errors import ForkError, Kind
from forkcli.ui.sanitize import one_line
from forkcli.workspace.project import find_project

SLOW_STDIN_S = 3.0  # a pipe that stays silent this long is mentioned, so that nobody wonders why nothing happens
LONGEST_WARNING = 1000  # characters
WITH_VERBS = ("cwd", "verbose")  # options that may stand before any subcommand
WITH_INIT = (  # and before the one that calls a model
    *WITH_VERBS,
    *("model", "effort", "base_url", "max_steps", "max_cost", "max_agents", "parallel", "timeout_s", "idle_timeout_s"),
    *("access", "net", "add_dirs"),
)


def prompt_of(words: tuple[str, ...]) -> str | None:
    """The prompt of a command line; `-` stands for standard input."""
    if len(words) > 1:
        raise ForkError(
            f"the prompt is one argument, and there are {len(words)} words",
            f"quote it: fork {shlex.quote(' '.join(words))}",
            kind=Kind.USAGE,
        )
    if not words or words[0] == "-":
        return None
    if not words[0].strip():
        raise ForkError("the prompt is empty", kind=Kind.USAGE)
    return words[0]


def meant_by(word: str, verbs: Collection[str]) -> str | None:
    """What a prompt of one word was probably meant to be, in words; None for one that is like no subcommand."""
    if word == "help":
        return "`fork --help` lists the options and the subcommands"
    verb = nearby(word, verbs)
    return f"the subcommand is `fork {verb}`" if verb else None


def only_common(flags: Flags, verb: str) -> Flags:
    """The flags that were given before a subcommand, which must be ones that it can use."""
    common = Flags(**{name: getattr(flags, name) for name in (WITH_INIT if verb == "init" else WITH_VERBS)})
    if flags != common:
        raise ForkError(
            f"these options take a prompt, and `{verb}` is a subcommand",
            f"if it is the prompt, put it last and after `--`: fork … -- {verb}",
            f"`fork {verb} --help` lists what the subcommand takes",
            kind=Kind.USAGE,
        )
    return common


def converse(flags: Flags) -> int:
    """The REPL on a terminal, one-shot everywhere else."""
    if flags.continue_ and flags.resume is not None:
        raise ForkError("-c and -r name two sessions; give one of them", kind=Kind.USAGE)
    if flags.agent is not None and not (flags.continue_ or flags.resume is not None):
        raise ForkError("--agent names an agent of a session that goes on; add -c or -r", kind=Kind.USAGE)
    if flags.fork and not (flags.continue_ or flags.resume is not None):
        raise ForkError("--fork makes a fork of an agent of a session; add -c or -r", kind=Kind.USAGE)
    if flags.at is not None and not flags.fork:
        raise ForkError("--at says where a fork begins; add --fork", kind=Kind.USAGE)
    settings = load_settings(flags)
    for warning in settings.warnings:
        sys.stderr.write(one_line(f"warning: {warning}", LONGEST_WARNING) + "\n")
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if on_terminal and not flags.print_ and flags.output_format is None:
        from forkcli.app import run_repl

        return run_repl(settings)
    data = None if sys.stdin.isatty() else _piped(prompt_given=flags.prompt is not None)
    if data is None and flags.prompt is None and not (flags.continue_ or flags.resume is not None):
        raise ForkError(
            "there is no prompt",
            'give one: fork -p "what does this project do?"',
            "or pipe one: echo … | fork",
            kind=Kind.USAGE,
        )
    from forkcli.app import run_print

    return run_print(settings, data)


def _piped(*, prompt_given: bool) -> BinaryIO | None:
    """Standard input, unless it is at its end before it has begun."""
    try:
        data = os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
        if prompt_given:
            _mention_a_silent_pipe(data)
        return data if data.peek(1) else None
    except OSError as error:  # a directory, or a terminal that is gone
        raise ForkError(f"cannot read standard input ({(error.strerror or str(error)).lower()})") from None


def _mention_a_silent_pipe(data: BinaryIO) -> None:
    import select

    if not select.select([data], [], [], SLOW_STDIN_S)[0]:
        sys.stderr.write("waiting for data on standard input; where there is none, add `< /dev/null`\n")


def load_settings(flags: Flags) -> Settings:
    """The settings of a run, with `-C` carried out: the process stands in that directory from here on."""
    if flags.cwd is not None:
        _enter(flags.cwd)
    try:
        here = Path.cwd()
    except OSError:
        raise ForkError("the working directory does not exist any more", "go to another one, or use -C") from None
    return load(flags, os.environ, cwd=here, project=find_project(here).root)


def _enter(folder: str) -> None:
    try:
        os.chdir(Path(folder).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise ForkError(f"cannot work in {folder!r} ({why})", kind=Kind.USAGE) from None

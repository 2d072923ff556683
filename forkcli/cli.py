"""The command line: options into `Settings`, then one call. No logic of any verb stands here.

It tells a prompt from a subcommand (argv.py), decides between the REPL and one-shot, and prints what a verb returned.
Usage errors are ForkErrors of kind USAGE; the door (`__main__`) prints them. Importing it needs neither the SDK, nor
rich, nor prompt_toolkit.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from forkcli.argv import Line, split
from forkcli.config import Flags, Settings
from forkcli.errors import ForkError, Kind
from forkcli.launch import converse, load_settings, meant_by, only_common, prompt_of
from forkcli.options import (
    AccessTo,
    AddDirs,
    AgentId,
    AgentWord,
    AsFork,
    At,
    BaseUrl,
    Continue,
    Cwd,
    Effort,
    Files,
    Help,
    IdleTimeout,
    Json,
    Limit,
    MaxAgents,
    MaxCost,
    MaxRounds,
    MaxSteps,
    Model,
    Net,
    Number,
    OfAgent,
    Output,
    Parallel,
    Print,
    Resume,
    Review,
    Session,
    SessionWord,
    Timeout,
    Until,
    Verbose,
    Version,
    Words,
)
from forkcli.ui.sanitize import one_line

app = typer.Typer(
    name="fork",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_help_option=False,
    context_settings={"max_content_width": 100},
    subcommand_metavar="[PROMPT | COMMAND ...]",
)


# Where typer keeps what turns a parameter's text into a value. It would build that with pydantic: 70 ms and 14 MiB.
CONVERTER = "_runtime_param"


class AsItIs:
    """Leaves a parameter's text alone: settings check their own values, in words of their own."""

    def coerce(self, value: Any, param: Any, **_context: Any) -> Any:
        """The value; nothing at all for an option that may be repeated and was not."""
        return () if value is None and getattr(param, "multiple", False) else value


WITHOUT_VALUE = {"--review": "2"}  # options that may stand without a value, and what they mean then


@dataclass(slots=True)
class Call:
    """What one run of the parser is about: the prompt's words going in, the options before a subcommand coming out."""

    line: Line
    flags: Flags = field(default_factory=Flags)


def run(argv: Sequence[str]) -> int:
    """Carry out a command line (without the program's name); returns the exit code. Raises ForkError."""
    command = typer.main.get_command(app)
    valued = {name for option in command.params if not getattr(option, "is_flag", True) for name in option.opts}
    verbs: dict[str, Any] = getattr(command, "commands", {})
    line = split(argv, verbs, valued, WITHOUT_VALUE)
    if not line.verb and len(line.words) == 1 and "--" not in argv and (meant := meant_by(line.words[0], verbs)):
        sys.stderr.write(f"hint: `{one_line(line.words[0])}` is sent to the model as a prompt; {meant}\n")
    for parameter in (*command.params, *(verbs[line.verb].params if line.verb else ())):
        setattr(parameter, CONVERTER, AsItIs())
    try:
        code = command.main(args=list(line.args), prog_name="fork", standalone_mode=False, obj=Call(line))
    except typer.TyperException as error:
        raise _usage(error, line) from None
    return code if isinstance(code, int) else 0


def _usage(error: typer.TyperException, line: Line) -> ForkError:
    sentence = error.format_message().strip().rstrip(".").replace("\n", " ")
    hints = [f"`fork {line.verb} --help` lists what it takes" if line.verb else "`fork --help` lists the options"]
    if line.verb and "extra argument" in sentence:
        extra = sentence[sentence.rfind("(") + 1 :].rstrip(")")
        sentence = f"the subcommand `{line.verb}` does not take these words: {extra}"
        at = line.args.index(line.verb)
        hints.insert(0, f"if this is a prompt, quote it: fork {shlex.quote(' '.join(line.args[at:]))}")
    return ForkError(sentence, *hints, kind=Kind.USAGE)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    print_: Print = False,
    continue_: Continue = False,
    resume: Resume = None,
    agent: AgentId = None,
    fork: AsFork = False,
    at: At = None,
    model: Model = None,
    effort: Effort = None,
    base_url: BaseUrl = None,
    output_format: Output = None,
    max_steps: MaxSteps = None,
    max_cost: MaxCost = None,
    max_agents: MaxAgents = None,
    parallel: Parallel = None,
    timeout_s: Timeout = None,
    until: Until = None,
    max_rounds: MaxRounds = None,
    review: Review = None,
    idle_timeout_s: IdleTimeout = None,
    access: AccessTo = None,
    net: Net = False,
    add_dirs: AddDirs = None,
    cwd: Cwd = None,
    verbose: Verbose = False,
    version: Version = False,
    help_: Help = False,
) -> int:
    """A coding agent for the terminal.

    Without options it opens a session on the terminal; PROMPT is its first message. With -p, or where stdin or stdout
    is not a terminal, it answers once and exits: piped data is the prompt, or what PROMPT is about. A PROMPT that is
    the name of a command stands after `--`.

    Exit codes: 0 done, 1 failed, 2 usage, 3 a limit was reached, 4 could not save, 75 the API was unavailable (try
    again), 130 interrupted, 143 terminated.
    """
    call: Call = ctx.obj
    said = {name: value for name, value in ctx.params.items() if name not in {"version", "help_", "add_dirs"}}
    flags = Flags(prompt=prompt_of(call.line.words), add_dirs=tuple(add_dirs or ()), **said)
    if ctx.invoked_subcommand is None:
        return converse(flags)
    call.flags = only_common(flags, ctx.invoked_subcommand)
    return 0


@app.command(add_help_option=False)
def demo(ctx: typer.Context, verbose: Verbose = False, help_: Help = False) -> int:
    """Watch a scripted model fix a bug and fork, in a temporary repository."""
    from forkcli.app import run_demo

    return run_demo(_settings(ctx, None, verbose))


@app.command(add_help_option=False)
def init(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Write it without asking.")] = False,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Study the project and draft its AGENTS.md; it is written when you agree."""
    from forkcli import verbs

    return verbs.init(_settings(ctx, cwd, verbose), yes=yes, json=json)


@app.command(add_help_option=False)
def ls(
    ctx: typer.Context,
    limit: Limit = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """List the sessions of this project, newest first."""
    from forkcli import verbs

    return verbs.ls(_settings(ctx, cwd, verbose), json=json, limit=limit)


@app.command(add_help_option=False)
def tree(
    ctx: typer.Context,
    session: SessionWord = None,
    session_: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Show the agents of a session: the newest, or SESSION."""
    from forkcli import verbs

    return verbs.tree(_settings(ctx, cwd, verbose), _one(session, session_), json=json)


@app.command(add_help_option=False)
def show(
    ctx: typer.Context,
    agent: AgentWord = None,
    history: Annotated[bool, typer.Option("--history", help="All that happened to it.")] = False,
    context: Annotated[bool, typer.Option("--context", help="What the next model call would send.")] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="The session's first prompt, verbatim.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Its last report.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="What a fork changed; of main: what differs from the last commit.")
    ] = False,
    session: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Show an agent: main, or AGENT."""
    from forkcli import verbs

    parts = [name for name in ("history", "context", "prompt", "report", "diff") if ctx.params[name]]
    if len(parts) > 1:
        raise ForkError(f"--{parts[0]} and --{parts[1]} are two views; give one of them", kind=Kind.USAGE)
    settings = _settings(ctx, cwd, verbose)
    if diff:
        return verbs.diff(settings, session, agent, json=json)
    return verbs.show(settings, session, agent, parts[0] if parts else "", json=json)


@app.command(add_help_option=False)
def tell(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="main, f1, s2, …")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message; - reads it from stdin.")],
    session: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Leave a message for an agent, also while it runs."""
    from forkcli import verbs

    return verbs.tell(_settings(ctx, cwd, verbose), session, agent, text, json=json)


@app.command(add_help_option=False)
def rewind(
    ctx: typer.Context,
    number: Number,
    agent: OfAgent = None,
    files: Files = "keep",
    yes: Annotated[bool, typer.Option("--yes", help="Also replace files that you changed since.")] = False,
    session: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Take a conversation back to N; prints the number that undoes it."""
    from forkcli import verbs

    return verbs.rewind(_settings(ctx, cwd, verbose), session, agent, number, files=files, yes=yes, json=json)


@app.command(add_help_option=False)
def report(
    ctx: typer.Context,
    number: Number,
    text: Words = None,
    agent: OfAgent = None,
    files: Files = "keep",
    session: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Take a conversation back to checkpoint N with a report of what came since."""
    from forkcli import verbs

    return verbs.report(_settings(ctx, cwd, verbose), session, agent, number, text or "", files=files, json=json)


@app.command(add_help_option=False)
def check(
    ctx: typer.Context,
    session: SessionWord = None,
    session_: Session = None,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Prove the files of a session: the newest, or SESSION."""
    from forkcli import verbs

    return verbs.check(_settings(ctx, cwd, verbose), _one(session, session_), json=json)


@app.command(add_help_option=False)
def clean(
    ctx: typer.Context,
    session: Session = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="DAYS", help="Only what is older than DAYS.")
    ] = None,
    keep: Annotated[str | None, typer.Option("--keep", metavar="N", help="Keep the newest N.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
    cwd: Cwd = None,
    verbose: Verbose = False,
    help_: Help = False,
) -> int:
    """Remove sessions, after asking; never one that is in use, or the only copy of work."""
    from forkcli import verbs

    settings = _settings(ctx, cwd, verbose)
    return verbs.clean(settings, session, older_than=older_than, keep=keep, yes=yes, json=json)


@app.command(add_help_option=False)
def doctor(
    ctx: typer.Context, json: Json = False, cwd: Cwd = None, verbose: Verbose = False, help_: Help = False
) -> int:
    """Say what works here and what to install."""
    from forkcli import verbs

    return verbs.doctor(_settings(ctx, cwd, verbose), json=json)


def _one(word: str | None, option: str | None) -> str | None:
    """The session that was named, as a word or by --session."""
    if word is not None and option is not None:
        raise ForkError("the session is named twice", "give it once", kind=Kind.USAGE)
    return word if word is not None else option


def _settings(ctx: typer.Context, cwd: str | None, verbose: bool) -> Settings:
    """The settings of a subcommand: `-C` and `-v` may stand before it or after it."""
    call: Call = ctx.obj
    return load_settings(replace(call.flags, cwd=cwd or call.flags.cwd, verbose=verbose or call.flags.verbose))

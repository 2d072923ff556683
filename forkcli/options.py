"""The options and arguments of the command line, each once: their names, what stands in the help, no more.

A parameter of a command is annotated with one of these. Settings check the values, in words of their own.
"""

import sys
from typing import Annotated

import typer

from forkcli import __version__


def print_version(value: bool) -> None:
    """Print the version and leave."""
    if value:
        sys.stdout.write(f"fork {__version__}\n")
        raise typer.Exit


def print_help(ctx: typer.Context, value: bool) -> None:
    """Print the help and leave."""
    if value:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit


Print = Annotated[bool, typer.Option("-p", "--print", help="Answer and exit.")]
Continue = Annotated[bool, typer.Option("-c", "--continue", help="Go on with the newest session.")]
Resume = Annotated[
    str | None,
    typer.Option("-r", "--resume", metavar="SESSION", help="Go on with this session; a unique end will do."),
]
AgentId = Annotated[str | None, typer.Option("--agent", metavar="ID", help="With -c or -r: go on with that agent.")]
AsFork = Annotated[bool, typer.Option("--fork", help="With -c or -r: as a new fork, which leaves that agent as it is.")]
At = Annotated[str | None, typer.Option("--at", metavar="N", help="With --fork: from checkpoint N.")]
Model = Annotated[str | None, typer.Option("-m", "--model", metavar="MODEL", help="The model; also $FORK_MODEL.")]
Effort = Annotated[
    str | None,
    typer.Option("--effort", metavar="LEVEL", help="How hard the model thinks: low, medium, high, xhigh or max."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="A server of the Messages API; also $ANTHROPIC_BASE_URL."),
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output-format", metavar="FORMAT", help="text, json or stream-json; the latter imply -p."),
]
MaxSteps = Annotated[str | None, typer.Option("--max-steps", metavar="N", help="At most N model calls.")]
MaxCost = Annotated[str | None, typer.Option("--max-cost", metavar="USD", help="At most this cost.")]
MaxAgents = Annotated[
    str | None, typer.Option("--max-agents", metavar="N", help="At most N agents in a session, main counted (128).")
]
Parallel = Annotated[str | None, typer.Option("--parallel", metavar="N", help="At most N forks at the same time (16).")]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="S", help="At most S seconds.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="CMD", help="A turn is done when CMD passes; failures go to the agent.")
]
MaxRounds = Annotated[
    str | None, typer.Option("--max-rounds", metavar="N", help="With --until: go back to the agent N times (5).")
]
Review = Annotated[
    str | None,
    typer.Option("--review", metavar="[=N]", help="A fresh agent reviews each turn; its findings go back N times (2)."),
]
IdleTimeout = Annotated[
    str | None, typer.Option("--idle-timeout", metavar="S", help="Drop an answer that is silent for S seconds (90).")
]
AccessTo = Annotated[
    str | None,
    typer.Option("--access", metavar="HOW", help="read, write (the default), or full: commands without a sandbox."),
]
Net = Annotated[bool, typer.Option("--net", help="Commands may use the network.")]
AddDirs = Annotated[
    list[str] | None, typer.Option("--add-dir", metavar="DIR", help="One more directory to work in; repeatable.")
]
Cwd = Annotated[str | None, typer.Option("-C", "--cwd", metavar="DIR", help="Work in DIR.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")]
Help = Annotated[bool, typer.Option("-h", "--help", callback=print_help, is_eager=True, help="Show this message.")]
Version = Annotated[bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Session = Annotated[
    str | None, typer.Option("--session", metavar="SESSION", help="This session; a unique end will do.")
]
SessionWord = Annotated[str | None, typer.Argument(metavar="SESSION", help="A unique end will do.")]
AgentWord = Annotated[str | None, typer.Argument(metavar="AGENT", help="main, f1, s2, …")]
OfAgent = Annotated[str | None, typer.Option("--agent", metavar="ID", help="This agent instead of main.")]
Files = Annotated[str, typer.Option("--files", metavar="keep|restore", help="What becomes of the files.")]
Number = Annotated[str, typer.Argument(metavar="N", help="A checkpoint: its number in lists and transcripts.")]
Words = Annotated[str | None, typer.Argument(metavar="TEXT", help="The report; without it the agent writes it.")]
Limit = Annotated[str | None, typer.Option("-n", "--limit", metavar="N", help="Only the newest N.")]

"""The composition root: builds the ports, joins them into a session, and hands it to the REPL, the pipe or the demo.

The only place that knows every part. It decides nothing about a turn (core does) and shows nothing (ui does).
"""

from typing import TYPE_CHECKING, BinaryIO

from forkcli.config import Settings

if TYPE_CHECKING:
    from forkcli.app.initiating import Initiation


def run_print(settings: Settings, stdin: BinaryIO | None) -> int:
    """Answer one prompt (or finish an unfinished turn) and return the exit code. Raises ForkError."""
    from forkcli.app.oneshot import run

    return run(settings, stdin)


def run_init(settings: Settings) -> "Initiation":
    """Let an agent draft the project's AGENTS.md; writes nothing. Raises ForkError."""
    from forkcli.app.initiating import initiate

    return initiate(settings)


def run_repl(settings: Settings) -> int:
    """The REPL until it is quit; returns the exit code. Raises ForkError."""
    from forkcli.app.interactive import run

    return run(settings)


def run_demo(settings: Settings) -> int:
    """The demonstration with the scripted model; returns the exit code. Raises ForkError."""
    from forkcli.app.demo import run

    return run(settings)

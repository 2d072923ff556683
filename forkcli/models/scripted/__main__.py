"""`python -m forkcli.models.scripted SCRIPT.json` or `--manual DIR`: a scripted model until Ctrl-C."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.models.scripted.load import load_script
from forkcli.models.scripted.manual import Manual
from forkcli.models.scripted.script import Script
from forkcli.models.scripted.server import ScriptedServer

_KEPT = 16  # request bodies kept in memory


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m forkcli.models.scripted",
        description="A loopback server that speaks the Messages API and answers what a script says.",
    )
    parser.add_argument("script", nargs="?", type=Path, metavar="SCRIPT.json", help="a script (docs/scripted.md)")
    parser.add_argument(
        "--manual", type=Path, metavar="DIR", help="write requests into DIR, take the replies from there"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (one that is free)")
    parser.add_argument("--no-check", action="store_true", help="accept what the real API would refuse")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.script is None) == (given.manual is None):
        parser.error("give either SCRIPT.json or --manual DIR")
    try:
        script: Script = Manual(given.manual) if given.manual else load_script(given.script)
        server = ScriptedServer(script, port=given.port, check=not given.no_check, keep=_KEPT).start()
    except ForkError as bad:
        sys.stderr.write("\n".join([bad.sentence, *bad.hints]) + "\n")
        return bad.exit_code
    except OSError as bad:
        sys.stderr.write(f"cannot start the scripted model: {bad}\n")
        return 1
    _serve(server, given.manual)
    return 0


def _serve(server: ScriptedServer, folder: Path | None) -> None:
    try:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.write(f"  ANTHROPIC_API_KEY=scripted fork --base-url {server.base_url}\n")
        if folder:
            sys.stdout.write(f"  requests appear in {folder}, each says how to answer it\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        server.close()


def run() -> None:
    """The program: signals wait in the mask from before the server's thread starts, so that `sigwait` gets them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main())


if __name__ == "__main__":
    run()

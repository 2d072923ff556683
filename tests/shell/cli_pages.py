"""Writes docs/cli.md from the command's own help: `python tests/shell/cli_pages.py > docs/cli.md`.

It is no test; test_cli_docs.py compares the page with what it makes.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEAD = """# The command line

<!-- Made by `python tests/shell/cli_pages.py > docs/cli.md`; a test keeps it equal to what `--help` says. -->

What each option means in full is in [safety.md](safety.md) (access, network, sandbox) and [tools.md](tools.md); the
files that a session leaves are in [history.md](history.md). Settings come from flags, then the environment
(`FORK_MODEL`, `ANTHROPIC_BASE_URL`, `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`), then `~/.config/fork/config.toml`,
then the project's `.fork/config.toml`, which may only hold harmless keys.
"""


def help_of(*words: str) -> str:
    """What `fork WORDS --help` prints, 100 columns wide."""
    env = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    argv = [sys.executable, "-m", "forkcli", *words, "--help"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip("\n")


def verbs(page: str) -> list[str]:
    """The subcommands that the main help lists."""
    return re.findall(r"^  (\w+)  ", page.partition("\nCommands:\n")[2], re.MULTILINE)


def cli_page() -> str:
    """The whole of docs/cli.md."""
    main = help_of()
    parts = [HEAD, f"## fork\n\n```text\n{main}\n```\n"]
    parts += [f"## fork {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in verbs(main)]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(cli_page())

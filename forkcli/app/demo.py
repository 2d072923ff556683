"""`fork demo`: the real screen, tools and forks, a scripted model, in a temporary repository with a real bug.

Without a sandbox only the commands of its own script run, and that is said.
"""

import asyncio
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from forkcli.app import oneshot
from forkcli.app.interactive import converse
from forkcli.commands.tree import session_tree
from forkcli.config import Settings
from forkcli.core.events import Warned
from forkcli.core.ids import MAIN
from forkcli.engine.ports import Answer, Emit, Question
from forkcli.models.catalog import DEFAULT_MODEL
from forkcli.models.scripted.demo import DEMO_COMMANDS, DEMO_PROMPT, demo_script, make_project
from forkcli.models.scripted.server import ScriptedServer
from forkcli.store.scratch import Scratch
from forkcli.ui import tables

WHAT = (
    "fork is a coding agent for the terminal. Here it fixes a bug, then forks itself three ways: each fork knows all"
    " that it knows, and they work at once, each in its own copy of the files. It merges what they did, and in the end"
    " hands a report to its own past self."
)
HOW = (
    "The model is a script that ships with fork: its words were written beforehand, and its token figures are computed"
    " by a local model of the cache rules. The repository, the bug, the tools, the forks and the files are real."
)
NO_SANDBOX = "no sandbox works here: the demo allows its own command to run without one (`fork doctor` says why)"
FILES = "All that happened is in files, here in a temporary repository:"
COMMANDS = """
{path}  cd {project}
  git diff        # what the agent and its forks changed
  fork show f3    # one of the forks: its task and its report
  fork show f4    # who the agent was before it went back to the prompt
  ls -R .fork     # everything fork keeps
  fork -c         # go on, with a real model
"""
NEXT = (
    "To work on a project of your own: set ANTHROPIC_API_KEY, or point --base-url at a local server that speaks the"
    " Messages API, and run `fork` in it."
)


class OwnCommands:
    """Answers for the person where there is no sandbox: the demo's own commands run, nothing else does."""

    interactive = True

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._told = False

    async def ask(self, question: Question) -> Answer:
        """Allow the commands of the script."""
        if question.command not in DEMO_COMMANDS:
            return "no"
        if not self._told:
            self._emit(Warned(MAIN, NO_SANDBOX))
        self._told = True
        return "once"

    async def inquire(self, _agent: str, _text: str) -> None:
        """The script asks nothing."""


def run(settings: Settings) -> int:
    """Run the demonstration; returns the exit code."""
    project = make_project(Path(tempfile.mkdtemp(prefix="fork-demo-")).resolve())
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    width = tables.width_of(sys.stdout)
    sys.stdout.write(f"{tables.paragraph(WHAT, width)}\n{tables.paragraph(HOW, width)}\n")
    sys.stdout.flush()
    with ScriptedServer(demo_script()) as server:
        demo = Settings(
            cwd=project,
            project=project,
            prompt=DEMO_PROMPT,
            model=DEFAULT_MODEL,
            base_url=server.base_url,
            verbose=settings.verbose,
        )
        if on_terminal:
            scratch = Scratch(project)
            scratch.ensure()
            code = asyncio.run(converse(demo, scratch, ask=OwnCommands, once=True))
        else:
            code = oneshot.run(demo, None, ask=OwnCommands)
    sys.stdout.write(_closing(project, width))
    return code


def _closing(project: Path, width: int | None) -> str:
    """What `fork tree` says, where the files are and how to look at them, and how to begin in earnest."""
    tree = "\n$ fork tree\n" + tables.tree(session_tree(project, None), width)
    files = (
        "\n"
        + tables.paragraph(FILES, width)
        + COMMANDS.format(project=project, path=path_to_fork(Path(sys.executable)))
    )
    return tree + files + "\n" + tables.paragraph(NEXT, width)


def path_to_fork(python: Path) -> str:
    """How a shell comes to know `fork`, where it does not yet: it lies beside the Python that runs this."""
    if shutil.which("fork") is not None or not (python.parent / "fork").is_file():
        return ""
    return f"  PATH=$PATH:{shlex.quote(str(python.parent))}\n"

"""`fork demo`: the real screen, tools and forks, a scripted model, in a temporary repository with a real bug.

Without a sandbox only the commands of its own script run, and that is said.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from forkcli.app import oneshot
from forkcli.app.interactive import converse
from forkcli.commands.found import read_found
from forkcli.commands.show import agent_view
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

BEFORE = (
    "This is a demonstration. The model is a script that ships with fork: its words were written beforehand, and its"
    " token figures are computed by a local model of the cache rules. The repository, the bug, the tools, the forks and"
    " the files are real."
)
NO_SANDBOX = "no sandbox works here: the demo allows its own command to run without one (`fork doctor` says why)"
FILES = "What happened is in files. This one was a temporary repository; in yours it is the same:"
COMMANDS = """
  cd {project}
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
    sys.stdout.write(tables.paragraph(BEFORE, width) + "\n")
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
    """Where the files are, what `fork tree` and `fork show` say of them, and how to begin in earnest."""
    files = "\n" + tables.paragraph(FILES, width) + COMMANDS.format(project=project)
    tree = "\n$ fork tree\n" + tables.tree(session_tree(project, None), width)
    card = "\n$ fork show\n" + tables.agent(agent_view(read_found(project, None, None)), width)
    return files + tree + card + "\n" + tables.paragraph(NEXT, width)

"""The lines with which the REPL begins."""

from rich.text import Text

from forkcli import __version__
from forkcli.ui.item import Item
from forkcli.ui.look import FAINT, STRONG, Look
from forkcli.ui.ports import Status
from forkcli.ui.sanitize import one_line


def greeting(status: Status, look: Look) -> Item:
    """Where fork is, and the keys that a newcomer needs."""
    branch = one_line(status.branch, 40) or "no git, so no /diff"
    place = f"{one_line(status.project, 60)} ({branch})" if status.project else ""
    head = Text.assemble(("fork", STRONG), f" {__version__}", (look.sep + place if place else "", FAINT))
    keys = ["/help", "@ files", "! shell", "esc stops", "ctrl-d quits"]
    return Item(Text.assemble(head, "\n", (look.sep.join(keys), FAINT)))

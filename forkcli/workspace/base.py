"""Where the code above gets its workspaces from, whatever their kind.

It sees the `Workspace` protocol alone. Invariant: what is chosen here is the only thing that knows which kind it is.
"""

from pathlib import Path

from forkcli.core.entries import Access
from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError
from forkcli.workspace.forked import ForkWorkspace
from forkcli.workspace.layers import remove as remove_layers
from forkcli.workspace.overlay import open_overlay
from forkcli.workspace.plain import PlainWorkspace, open_workspace
from forkcli.workspace.view import Plan

__all__ = ["ForkWorkspace", "open_fork", "open_workspace", "remove_layers"]


def open_fork(parent: Workspace, layers: Path, *, access: Access = "write") -> ForkWorkspace:
    """The workspace of a fork of `parent`, whose changes are kept in the folder `layers`.

    Raises ForkError saying what cannot be isolated, and why.
    """
    if not isinstance(parent, PlainWorkspace):
        raise ForkError("this workspace cannot be forked")
    if access == "read":
        enter = parent.enter if isinstance(parent, ForkWorkspace) else tuple
        return ForkWorkspace("view", parent, Plan(parent.root), enter=enter, access="read")
    return open_overlay(parent, layers)

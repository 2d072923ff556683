"""Where the code above gets its workspaces from, whatever their kind.

It sees the `Workspace` protocol alone. Invariant: what is chosen here is the only thing that knows which kind it is.
"""

from contextlib import suppress
from pathlib import Path

from forkcli.core.entries import Access
from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError, Kind
from forkcli.workspace.forked import ForkWorkspace
from forkcli.workspace.layers import read_record
from forkcli.workspace.layers import remove as remove_layers
from forkcli.workspace.overlay import open_overlay, try_overlays
from forkcli.workspace.plain import PlainWorkspace, open_workspace
from forkcli.workspace.view import Plan
from forkcli.workspace.worktree import Checkout, open_worktree

__all__ = ["ForkWorkspace", "added_roots", "look_ahead", "open_fork", "open_workspace", "remove_layers"]


def open_fork(
    parent: Workspace,
    layers: Path,
    *,
    access: Access = "write",
    waits: bool = True,
    checkout: Checkout | None = None,
) -> ForkWorkspace:
    """The workspace of a fork of `parent`, whose changes are kept in the folder `layers`.

    With `waits` the parent and its background jobs write nothing until the fork has been closed: then it is a
    copy-on-write view. Otherwise, and where such views cannot be had, it is a checkout of the snapshot at the fork,
    which `checkout` brings into the empty directory that it is given. The same folder opened again shows the same
    files. With access `read` the parent's files are seen, and `layers` is not used.

    It blocks. Raises ForkError saying what cannot be isolated, and why.
    """
    if not isinstance(parent, PlainWorkspace):
        raise ForkError("this workspace cannot be forked")
    if access == "read":
        enter = parent.enter if isinstance(parent, ForkWorkspace) else tuple
        return ForkWorkspace("view", parent, Plan(parent.root), enter=enter, access="read")
    try:
        return _open(parent, layers, checkout, waits=waits)
    except OSError as error:
        raise ForkError(f"the files of a fork could not be made: {error}", kind=Kind.STORAGE) from error


def look_ahead(parent: Workspace, layers: Path) -> None:
    """Find out now which files forks of `parent` can have, whose changes will lie on the file system of `layers`.

    It blocks, and only saves the first fork that time. What is in the way is said when there is a fork.
    """
    if isinstance(parent, PlainWorkspace):
        with suppress(ForkError, OSError):
            try_overlays(layers, parent.environ)


def added_roots(workspace: Workspace) -> tuple[Path, ...]:
    """The directories beside the project that an agent may work in."""
    return workspace.roots[1:] if isinstance(workspace, PlainWorkspace) else ()


def _open(parent: PlainWorkspace, layers: Path, checkout: Checkout | None, *, waits: bool) -> ForkWorkspace:
    kind = read_record(layers).get("kind")
    if kind == "worktree" or (kind is None and not waits):
        return open_worktree(parent, layers, checkout)
    try:
        return open_overlay(parent, layers)
    except ForkError as error:
        if kind is not None or checkout is None:
            raise
        return open_worktree(parent, layers, checkout, error.sentence)

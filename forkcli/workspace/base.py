"""Opens the workspace of an agent: the one place that chooses its kind.

The code above sees the `Workspace` protocol alone. Invariant: every root that a workspace has is a directory that
exists, absolute and free of symbolic links.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.containment import Containment
from forkcli.workspace.plain import PlainWorkspace


def open_workspace(
    root: Path,
    add_dirs: Sequence[Path] = (),
    *,
    environ: Mapping[str, str] | None = None,
    sandbox: bool = True,
    begin: bool = True,
    use_holder: bool = True,
) -> PlainWorkspace:
    """The workspace of a main agent.

    With `begin` (and `sandbox`) the sandbox is tried at once, in a thread; otherwise when it is first asked for, which
    suits an access of `full`. Raises ForkError for a directory that cannot be opened.
    """
    roots: dict[Path, None] = {}
    for folder in (root, *add_dirs):
        try:
            roots[folder.resolve(strict=True)] = None
        except (OSError, RuntimeError) as error:
            raise ForkError(f"{folder} cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    environment = os.environ if environ is None else environ
    containment = Containment(tuple(roots), environment, use_holder=use_holder) if sandbox else None
    workspace = PlainWorkspace(tuple(roots), environment, containment)
    if containment is not None and begin:
        containment.begin()
    return workspace

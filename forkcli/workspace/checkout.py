"""Brings a whole snapshot into an empty directory: the files that a fork on a checkout begins from.

It writes without a journal, since a directory that was not finished is thrown away and made anew. No filter and no hook
runs, and every byte is as it was stored. Invariant: nothing is written outside of the directory.
"""

import os
import secrets
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.gitrun import checked
from forkcli.workspace.snapshots import Snapshots
from forkcli.workspace.snapshots_dir import known_id


def checkout(snapshots: Snapshots, tree: str, folder: Path) -> None:
    """Write all files of the snapshot `tree` into the existing, empty `folder`. Raises ForkError."""
    known_id(tree)
    where = snapshots.where
    where.ready()
    with os.scandir(folder) as entries:
        if any(entries):
            raise ForkError(f"{folder} is not empty, so no snapshot is brought into it")
    index = where.folder / "indexes" / f".checkout.{secrets.token_hex(8)}"
    own = where.environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(folder))
    try:
        checked(where.run(where.arguments("read-tree", tree), own, b""))
        checked(where.run([*where.arguments("-C", str(folder), "checkout-index", "-a", "-q")], own, b"", -1))
    finally:
        for path in (index, index.with_name(f"{index.name}.lock")):
            path.unlink(missing_ok=True)

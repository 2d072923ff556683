"""Names what a project's ignore patterns keep out of snapshots, so that a person can be told what is not restored.

Whole directories stand for what is in them. It opens none of the files. Invariant: nothing that is tracked is named.
"""

import os
from pathlib import Path

from forkcli.workspace.gitrun import checked
from forkcli.workspace.snapshots_dir import GitRun, SnapshotDir

_OURS = (b".fork/", b".fork")


def ignored(where: SnapshotDir, index: Path, run: GitRun) -> list[str]:
    """Ignored files and directories (these with a slash at the end), relative to the project, in git's order."""
    env = where.environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(where.project))
    listing = ("ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory", "--no-empty-directory")
    out = checked(run(where.arguments(*listing, in_tree=True), env, b""))
    found = [path for path in out.split(b"\0") if path and path not in _OURS]
    return [os.fsdecode(path) for path in found if not path.startswith(b".fork-")]

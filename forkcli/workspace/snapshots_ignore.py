"""Which files of a project are ignored, beside what its .gitignore files say: three lists that lie elsewhere.

They are read as data and copied; the places that a project names are read only where they are small regular files.
Invariant: `.fork` and the temporary files of writes in progress are ignored, whatever else is said.
"""

import os
from pathlib import Path

from forkcli.workspace.gitdirs import git_places, read_small
from forkcli.workspace.gitrun import ENVIRONMENT, FIXED, execute

_MOST = 4 * 1024 * 1024
_CONFIG_S = 5.0
OURS = b"/.fork/\n.fork-*.tmp\n"


def user_excludes(project: Path, program: str) -> Path:
    """The file of patterns that the user's or the repository's git settings name, or git's default for it."""
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME") if os.environ.get(name, "").startswith("/")}
    places = git_places(project)
    environment = {**ENVIRONMENT, **kept, "GIT_DIR": str(places.git_dir if places else "/nonexistent")}
    argv = [program, *FIXED, "config", "--null", "--path", "--get", "core.excludesFile"]
    found = execute(project, argv, environment, timeout_s=_CONFIG_S, most_bytes=65536).out.rstrip(b"\0")
    if found:
        return project / os.fsdecode(found)
    config = kept.get("XDG_CONFIG_HOME") or str(Path(kept.get("HOME", "/nonexistent")) / ".config")
    return Path(config) / "git/ignore"


def exclude_patterns(project: Path, user_file: Path) -> bytes:
    """The patterns for `info/exclude`; what comes later outranks what comes before, as git ranks the files."""
    places = git_places(project)
    files = [user_file, *([places.common_dir / "info/exclude"] if places else [])]
    texts = [read_small(path, _MOST).removeprefix(b"\xef\xbb\xbf") for path in files]
    return b"\n".join([*texts, OURS])

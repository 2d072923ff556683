"""What git says about the project.

git is told where its directories are, and kept from running anything that the repository names: filters, text
converters, external diffs, and what `gitrun` keeps from it. It only ever reads. Invariant: no byte of the project is
executed, and no call outlives its time.
"""

import asyncio
import os
import time
from itertools import islice
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.environment import find_program
from forkcli.workspace.gitdirs import GitPlaces, git_places, read_head
from forkcli.workspace.gitrun import ENVIRONMENT, FIXED, GitResult, checked, execute
from forkcli.workspace.untracked import as_diff

DIFF_S = 10.0
_MOST_BYTES = 4 * 1024 * 1024
_MOST_NAMES = 1000
_MOST_DRIVERS = 200


def quick_state(root: Path) -> str:
    """Branch and commit in a few words. Runs no process."""
    places = git_places(root)
    if places is None:
        return "none"
    head = read_head(root)
    if head is None:
        return "a repository whose HEAD could not be read"
    where = f"branch {head.branch}" if head.branch else "detached HEAD"
    return f"{where}, {head.short}" if head.commit else f"{where}, no commit yet"


async def diff(root: Path, timeout_s: float = DIFF_S) -> str:
    """The work tree against the last commit as a unified diff, small untracked files too, then the names of all these.

    Empty when nothing differs. No call of git may take longer than `timeout_s`. Raises ForkError where there is no git,
    or it fails.
    """
    return await asyncio.to_thread(_diff, root, timeout_s)


_STATUS = (
    "status",
    "--porcelain=v1",
    "-z",
    "--no-renames",
    "--untracked-files=normal",
    "--ignore-submodules=all",
    "--no-column",
    "--no-ahead-behind",
)


def _untracked(status: bytes) -> tuple[str, ...]:
    """Names in the output of `git status` that git does not track, at most 1,000."""
    names = (os.fsdecode(entry[3:]) for entry in status.split(b"\0") if entry.startswith(b"?? "))
    return tuple(islice(names, _MOST_NAMES))


def _diff(root: Path, timeout_s: float) -> str:
    places = git_places(root)
    if places is None:
        raise ForkError(
            f"{root} is not a git repository, so there is no commit to compare with", "git init makes it one"
        )
    base = "HEAD" if _git(root, places, timeout_s, "rev-parse", "--verify", "-q", "HEAD^{commit}").code == 0 else None
    if base is None:  # the tree of no files, whatever the repository's kind of hash
        base = checked(_git(root, places, timeout_s, "hash-object", "-t", "tree", "/dev/null")).decode("ascii").strip()
    options = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--no-color", "--find-renames")
    prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--no-relative", "--unified=3")
    made = _git(root, places, timeout_s, "diff", *options, *prefixes, base, "--")
    text = checked(made).decode("utf-8", "replace")
    if made.cut:
        text += f"\n[cut after {_MOST_BYTES // 1024 // 1024} MiB]\n"
    untracked = _untracked(checked(_git(root, places, timeout_s, *_STATUS)))
    if untracked:
        listed = _git(root, places, timeout_s, "ls-files", "--others", "--exclude-standard", "-z")
        text += as_diff(root, (os.fsdecode(name) for name in checked(listed).split(b"\0") if name))
        lines = ["", "Untracked files:"] if text else ["Untracked files:"]
        text += "\n".join([*lines, *(f"  {name}" for name in untracked)]) + "\n"
    return text


def _git(root: Path, places: GitPlaces, timeout_s: float, *arguments: str) -> GitResult:
    """Run git on the project, hardened. Raises ForkError: no git, out of time."""
    deadline = time.monotonic() + timeout_s
    program = find_program("git", (root,))
    if program is None:
        raise ForkError("git was not found", "install git")
    environment = _environment(root, places)
    listing = ["config", "--null", "--name-only", "--get-regexp", r"^(filter|diff|merge)\..*\."]
    names = execute(root, [program, *FIXED, *listing], environment, timeout_s=timeout_s, most_bytes=_MOST_BYTES)
    environment |= _blanked(names.out)
    left_s = deadline - time.monotonic()
    return execute(root, [program, *FIXED, *arguments], environment, timeout_s=left_s, most_bytes=_MOST_BYTES)


def _environment(root: Path, places: GitPlaces) -> dict[str, str]:
    kept = ("HOME", "XDG_CONFIG_HOME")  # the user's own settings: what is ignored, whose directories are safe
    return {
        **{name: os.environ[name] for name in kept if os.environ.get(name, "").startswith("/")},
        **ENVIRONMENT,
        "GIT_DIR": str(places.git_dir),
        "GIT_WORK_TREE": str(root),
    }


def _blanked(names: bytes) -> dict[str, str]:
    """Settings that empty every driver the repository configures; as variables, since a name may hold `=`."""
    drivers: dict[tuple[str, str], None] = {}
    for name in names.split(b"\0"):
        section, _, rest = os.fsdecode(name).partition(".")
        driver = rest.rpartition(".")[0]
        if driver:
            drivers[section.lower(), driver] = None
    if len(drivers) > _MOST_DRIVERS:
        raise ForkError(f"the repository configures {len(drivers)} filters and drivers, too many to switch off")
    parts = {"filter": ("clean", "smudge", "process"), "diff": ("command", "textconv"), "merge": ("driver",)}
    pairs = [(f"{section}.{driver}.{part}", "") for section, driver in drivers for part in parts.get(section, ())]
    pairs += [(f"filter.{driver}.required", "false") for section, driver in drivers if section == "filter"]
    settings = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return settings

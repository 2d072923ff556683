"""The project of `fork demo`: a small Python repository with a real bug and a test that shows it.

Its files are assets of the package (`forkcli/demo/project`, each with `.txt` after its name, so that no tool takes
them for fork's own code). git runs with a neutral configuration: the user's is neither read nor written.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from forkcli.errors import ForkError

GitRunner = Callable[[Sequence[str], Path], None]

_SUFFIX = ".txt"
_DOT = "dot-"  # stands for the leading dot of a hidden file
_FIRST = (
    "README.md",
    "AGENTS.md",
    "WISHES.md",
    ".gitignore",
    "tally/__init__.py",
    "tally/money.py",
    "tests/__init__.py",
)
_COMMITS = (
    ("Read and show amounts", (*_FIRST, "tests/test_money.py")),
    ("Split a bill by weights", ("tally/split.py", "tests/test_split.py")),
)
_IDENTITY = {"NAME": "tally", "EMAIL": "tally@example.invalid", "DATE": "2026-01-02T03:04:05+00:00"}


def make_project(folder: Path, git: GitRunner | None = None) -> Path:
    """Fill an empty or new folder with the project, as a repository of two commits; without git as plain files.

    Raises ForkError when the folder is not empty or git fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ForkError(f"{folder} is not empty", "the demo makes its project in a folder of its own")
    for name, text in _files(resources.files("forkcli").joinpath("demo", "project")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    run = git or _system_git()
    if run is not None:
        run(["init", "--quiet", "--template=", "--initial-branch=main"], folder)
        for message, names in _COMMITS:
            run(["add", "--", *names], folder)
            run(["commit", "--quiet", "-m", message], folder)
    return folder


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Paths in the project and texts of its files."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _files(item, f"{prefix}{item.name}/")
        elif item.name.endswith(_SUFFIX):
            name = item.name.removesuffix(_SUFFIX)
            name = f".{name.removeprefix(_DOT)}" if name.startswith(_DOT) else name
            yield prefix + name, item.read_text(encoding="utf-8")


def _system_git() -> GitRunner | None:
    """The git of the machine, looked up in absolute directories only; None where there is none."""
    path = os.pathsep.join(entry for entry in os.get_exec_path() if Path(entry).is_absolute())
    program = shutil.which("git", path=path)
    if program is None:
        return None

    def run(arguments: Sequence[str], folder: Path) -> None:
        neutral = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.fsmonitor="]
        done = subprocess.run(
            [program, *neutral, *arguments], cwd=folder, env=_environment(path), capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise ForkError(f"git {arguments[0]} failed in the demo's project: {said}")

    return run


def _environment(path: str) -> dict[str, str]:
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()}
    return {
        "PATH": path,
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
    } | who

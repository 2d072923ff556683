"""What lies at a path, for code that only wants to know and takes what it may not see for absent.

It never raises and never opens anything. Invariant: an answer other than "nothing" comes from a stat that succeeded.
"""

import stat
from pathlib import Path


def kind(path: Path, *, follow: bool = True) -> int | None:
    """The file type bits of what lies at a path (`stat.S_IFDIR`, …), None for nothing or nothing to be seen."""
    try:
        return stat.S_IFMT(path.stat(follow_symlinks=follow).st_mode)
    except (OSError, ValueError):
        return None


def is_dir(path: Path) -> bool:
    """Whether it is a directory, links followed."""
    return kind(path) == stat.S_IFDIR


def is_real_dir(path: Path) -> bool:
    """Whether it is a directory itself, not a link to one."""
    return kind(path, follow=False) == stat.S_IFDIR


def is_file(path: Path) -> bool:
    """Whether it is a regular file, links followed."""
    return kind(path) == stat.S_IFREG

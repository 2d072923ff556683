"""Small untracked files as the diffs that would create them, for a person who wants to see what is new.

What is large, binary or no regular file is left out: its name stands in the list of untracked files. Nothing outside
the root is ever read, whatever links lie in it. Invariant: the text is bounded, however many files there are.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from forkcli.workspace.beneath import open_beneath

MOST_FILES = 100
LARGEST = 16 * 1024  # bytes of one file
MOST_BYTES = 256 * 1024  # of all


def as_diff(root: Path, names: Iterable[str]) -> str:
    """A unified diff that creates the files among `names` (relative to `root`) that are small text."""
    out: list[str] = []
    size = files = 0
    base = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            text = None if "\n" in name else _text(base, name)
            if text is None or size + len(text) > MOST_BYTES:
                continue
            out.append(_created(name, text))
            size, files = size + len(text), files + 1
            if files == MOST_FILES:
                break
    finally:
        os.close(base)
    return "".join(out)


def _text(base: int, name: str) -> str | None:
    """The content of a small text file, None for anything else."""
    try:
        found = open_beneath(base, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    facts = os.fstat(found)
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
        os.close(found)
        return None
    with os.fdopen(found, "rb") as file:
        try:
            text = file.read(LARGEST).decode("utf-8")
        except (UnicodeDecodeError, OSError):
            return None
    return None if "\0" in text else text


def _created(name: str, text: str) -> str:
    lines = text.split("\n")
    end = [] if lines.pop() == "" else ["\\ No newline at end of file"]
    if end:
        lines = text.split("\n")
    head = [f"diff --git a/{name} b/{name}", "new file mode 100644"]
    if text:
        count = "1" if len(lines) == 1 else f"1,{len(lines)}"
        head += ["--- /dev/null", f"+++ b/{name}", f"@@ -0,0 +{count} @@"]
    return "\n".join([*head, *(f"+{line}" for line in lines if text), *end]) + "\n"

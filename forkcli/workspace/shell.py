"""The shell that runs one command: its arguments, and what it tells about itself through a descriptor.

Pure but for the file that carries a script too long for an argument. Nothing of the user's start-up files is read.
Invariant: what comes back through the descriptor is written by whatever ran and is only ever used as a directory to
try next.
"""

import os
import tempfile

STARTED = b"."
_MAX_ARGUMENT = 100_000  # bytes; the kernel takes 128 KiB for one argument
_PROCESSES = 4096  # for one sandboxed command: enough for any build, an end to a fork bomb
_LONGEST_PATH = 4096


def needs_file(script: str) -> bool:
    """Whether a script is too long to be an argument."""
    return len(os.fsencode(script)) > _MAX_ARGUMENT


def script_file(script: str) -> int:
    """A descriptor of a file without a name that holds the script."""
    with tempfile.TemporaryFile() as file:
        file.write(os.fsencode(script))
        file.flush()
        return os.dup(file.fileno())


def shell_argv(
    shell: str, script: str, cwd: str, root: str, report_fd: int, *, script_fd: int | None = None, limited: bool = True
) -> list[str]:
    """Arguments that run `script` in `cwd` (or `root`, if that is gone) and report on `report_fd`.

    The first line is ours, so that a mistake in the script's syntax cannot take it along.
    """
    limits = f"ulimit -c 0; ulimit -u {_PROCESSES} 2>/dev/null" if limited else "ulimit -c 0"
    first = (
        f"{limits}; trap 'pwd -P >&{report_fd}' EXIT 2>/dev/null; printf . >&{report_fd}; "
        f'CDPATH= cd -- "$1" 2>/dev/null || cd -- "$2"; set --; LINENO=0'
    )
    body = script if script_fd is None else f". /dev/fd/{script_fd}"
    return [shell, "--noprofile", "--norc", "-c", f"{first}\n{body}", "bash", cwd, root]


def parse_report(data: bytes) -> tuple[bool, str | None]:
    """Whether the shell started, and where it stood at its end: an absolute path, or None if that is not known."""
    started = data.startswith(STARTED)
    path = data[len(STARTED) :].removesuffix(b"\n")
    if not started or not path.startswith(b"/") or b"\0" in path or len(path) > _LONGEST_PATH:
        return started, None
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return started, None
    return started, text if text.isprintable() else None

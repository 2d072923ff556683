"""What the file tools share about paths: refusals that say what is there, and names that are close to a wrong one."""

from difflib import get_close_matches
from pathlib import PurePosixPath

from forkcli.engine.ports import FileStat, ToolEnv
from forkcli.errors import ForkError

_NAMES_COMPARED = 2000


def check_path(path: str) -> None:
    """ForkError for a string that can be no path."""
    if not path.strip():
        raise ForkError("`path` is empty", "it is relative to the project, e.g. `src/app.py`")
    if "\0" in path:
        raise ForkError("`path` holds a NUL character, which no file name can")


def may_write(tool: str, env: ToolEnv) -> None:
    """ForkError where the agent may only read."""
    if env.access == "read":
        raise ForkError(
            f"`{tool}` is refused: your access is `read`", "Say in your last message what you would have changed"
        )


def existing_file(path: str, env: ToolEnv) -> FileStat:
    """The stat of a regular file; ForkError says what else is there, or which names are close."""
    check_path(path)
    stat = env.workspace.stat(path)
    if stat.kind == "absent":
        raise missing(path, env)
    if stat.kind == "dir":
        raise ForkError(f"`{env.workspace.relative(path)}` is a directory", "`read` lists it")
    if stat.kind == "other":
        raise ForkError(f"`{env.workspace.relative(path)}` is a device, FIFO or socket, not a regular file")
    return stat


def missing(path: str, env: ToolEnv) -> ForkError:
    """The error for a path where nothing is: the part that exists, and close names there."""
    shown = env.workspace.relative(path)
    from_cwd = str(PurePosixPath(env.cwd) / path)
    if not path.startswith("/") and env.cwd != str(env.workspace.root) and _exists(from_cwd, env):
        return ForkError(
            f"there is no `{shown}`",
            f"paths are relative to the project, not to the shell's directory: `{env.workspace.relative(from_cwd)}`",
        )
    wanted = PurePosixPath(path)
    while _kind(str(wanted.parent), env) == "absent" and wanted.parent != wanted:
        wanted = wanted.parent
    folder = str(wanted.parent)
    if _kind(folder, env) != "dir":
        return ForkError(f"there is no `{shown}`")
    close = _close(wanted.name, folder, env)
    place = env.workspace.relative(str(wanted))
    sentence = f"there is no `{shown}`" if wanted == PurePosixPath(path) else f"there is no `{place}` (of `{shown}`)"
    return ForkError(sentence, *([f"close: {', '.join(f'`{name}`' for name in close)}"] if close else []))


def _close(name: str, folder: str, env: ToolEnv) -> list[str]:
    try:
        names = env.workspace.listdir(folder)[:_NAMES_COMPARED]
    except ForkError:
        return []
    plain = {one.rstrip("/").lower(): one for one in reversed(names)}
    near = get_close_matches(name.lower()[:255], list(plain), n=3, cutoff=0.6)
    at = PurePosixPath(folder)
    return [env.workspace.relative(str(at / plain[one])) for one in near]


def _exists(path: str, env: ToolEnv) -> bool:
    return _kind(path, env) not in {"absent", "refused"}


def _kind(path: str, env: ToolEnv) -> str:
    """The kind of what is there; `refused` where the workspace does not let one look."""
    try:
        return env.workspace.stat(path).kind
    except ForkError:
        return "refused"

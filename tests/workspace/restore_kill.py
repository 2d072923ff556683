"""A program for tests: kills a change of files at every step that it takes, and looks at what recovery makes of it.

Usage: restore_kill.py FOLDER apply|recover|edit|meanwhile; with `meanwhile` nothing is killed, but a user saves a file
in the middle of the step. It prints a JSON object: `points`, how many steps there were, and
`wrong`, what was not as it had to be. A step is one call that changes a file system; it is killed before the call.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from snapshot_files import Files, clear_files, file, new_snapshots, read_files, store_files, write_files

from forkcli.workspace.restore import apply, recover
from forkcli.workspace.snapshots import Snapshots

STEPS = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.chmod", "os.chown"}
OLD: Files = {
    b"modified": file("old\n"),
    b"mode": file("same\n"),
    b"file to folder": file("f\n"),
    b"folder to file/x": file("x\n"),
    b"folder to file/y/z": file("z\n"),
    b"gone/deep/x": file("g\n"),
    b"link": ("l", b"one"),
    b"kept": file("k\n"),
}
NEW: Files = {
    b"modified": file("new\n"),
    b"mode": ("x", b"same\n"),
    b"file to folder/a": file("a\n"),
    b"folder to file": file("f\n"),
    b"link": ("l", b"two"),
    b"new/deep/x": file("n\n"),
    b"new\nline \xff": file("odd\n"),
    b"kept": file("k\n"),
}
UNHELD: Files = {b"gone/ignored": file("i\n"), b"untracked": file("u\n")}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(number: int, deed: Callable[[], None]) -> list[int]:
    """Do something before this process's step with that number; the steps that came so far."""
    steps: list[int] = []

    def watch(event: str, args: tuple[object, ...]) -> None:
        flags = args[2] if event == "open" and len(args) > 2 else 0
        if event in STEPS or (isinstance(flags, int) and flags & (os.O_CREAT | os.O_TRUNC)):
            steps.append(len(steps) + 1)
            if len(steps) == number:
                deed()

    sys.addaudithook(watch)
    return steps


def disturbed(number: int, work: Callable[[], object], deed: Callable[[], None] = die) -> bool:
    """Whether there was a step with that number in `work`, before which `deed` was done."""
    child = os.fork()
    if child == 0:
        steps = at_step(number, deed)
        work()
        os._exit(0 if len(steps) >= number else 7)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    code = os.waitstatus_to_exitcode(status)
    if code not in {0, 7}:
        raise SystemExit(f"step {number}: exit code {code}")
    return code == 0


def main(folder: Path, how: str) -> None:
    snapshots = new_snapshots(folder)
    old, new = store_files(snapshots, OLD), store_files(snapshots, NEW)
    wrong: list[str] = []
    points = 0
    going = True

    def save() -> None:
        (folder / ".editor").write_text("mine\n")
        (folder / ".editor").replace(folder / "modified")

    while going:
        points += 1
        clear_files(folder)
        write_files(folder, {**OLD, **UNHELD})
        if how == "recover":  # a change that was killed in its middle, and then its recovery is killed too
            disturbed(30, lambda: apply(snapshots, old, new, "merge of f1"))
            going = disturbed(points, lambda: recover(snapshots))
        elif how == "meanwhile":
            going = disturbed(points, lambda: apply(snapshots, old, new, "merge of f1"), save)
        else:
            going = disturbed(points, lambda: apply(snapshots, old, new, "merge of f1"))
        wrong += [f"step {points}: {text}" for text in look(snapshots, folder, how, going=going)]
    print(json.dumps({"points": points - 1, "wrong": wrong}))


def look(snapshots: Snapshots, folder: Path, how: str, *, going: bool) -> list[str]:
    mine: Files = {}
    if how == "edit":
        (folder / "modified").write_text("mine\n")
        mine = {b"modified": file("mine\n")}
    elif how == "meanwhile" and going:
        mine = {b"modified": file("mine\n")}
    said = recover(snapshots)
    found = read_files(folder)
    whole = [{**OLD, **UNHELD, **mine}, {**NEW, **UNHELD, **mine}]
    wrong = []
    if found not in whole:
        wrong.append(f"neither old nor new: {found}, {said}")
    if how == "recover" and not going and found != whole[1]:
        wrong.append(f"not finished: {found}, {said}")
    if sorted(path.name for path in (folder / ".fork/journal").glob("*")) not in (["lock"], []):
        wrong.append(f"left behind: {list((folder / '.fork/journal').iterdir())}")
    if recover(snapshots):
        wrong.append("recovered twice")
    return wrong


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

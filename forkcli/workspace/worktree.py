"""A fork on a checkout of a snapshot: for a parent that goes on working, and where overlays cannot be had.

The checkout stands at the project's own path. What a snapshot does not hold is shown besides, copy-on-write where that
works: ignored directories from the parent, and git's data. Invariant: nothing of the parent's is written, and what the
fork sees of it that is not its own is named in the notes.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forkcli.errors import ForkError, Kind
from forkcli.workspace.forked import Enter, ForkWorkspace
from forkcli.workspace.gitdirs import read_small
from forkcli.workspace.layers import clear, make, read_record, write_record
from forkcli.workspace.leftover import Leftover, bring_leftover, copy_git, copy_mutable_git
from forkcli.workspace.looking import is_file, is_real_dir
from forkcli.workspace.overlay import below_project, layered, recorded, refuse_mounts, where
from forkcli.workspace.plain import PlainWorkspace
from forkcli.workspace.policy import ensure_scratch_dir
from forkcli.workspace.view import Layer, Plan

_MOST_DIRS = 64
_SMALL = 4096
_LISTS = ("dirs", "git", "missing")

# brings the files of the snapshot that the fork begins from into an empty directory
Checkout = Callable[[Path], object]


@dataclass(slots=True)
class _Made:
    """What the layers of such a fork are; written down, so that it is opened again the same way."""

    place: Path  # of the changed files
    layered: bool  # whether overlays can be had
    dirs: list[str] = field(default_factory=list)  # the parent's, relative to the root
    git: list[str] = field(default_factory=list)  # git directories, absolute
    missing: list[str] = field(default_factory=list)


def open_worktree(parent: PlainWorkspace, layers: Path, checkout: Checkout | None, why: str = "") -> ForkWorkspace:
    """A fork on a checkout. `checkout` is needed the first time; `why` says why there is no overlay of everything.

    Raises ForkError with what is impossible.
    """
    root = parent.root
    ensure_scratch_dir(root)
    make(layers)
    seen = parent.seen if isinstance(parent, ForkWorkspace) else root
    record = read_record(layers)
    made = _recorded(record, layers, parent.environ) if record else _make(seen, root, layers, checkout, parent.environ)
    enter: Enter = parent.enter if isinstance(parent, ForkWorkspace) else tuple
    workspace = _open(parent, layers, made, enter, why)
    if not record:
        away = made.place != layers
        lists = {"dirs": made.dirs, "git": made.git, "missing": made.missing}
        write_record(layers, {"kind": "worktree", "elsewhere": away, "layered": made.layered, **lists})
    return workspace


def _recorded(record: Mapping[str, Any], layers: Path, environ: Mapping[str, str]) -> _Made:
    tree = layers / "tree"
    if not is_real_dir(tree):
        raise ForkError(f"the files of this fork were in {tree}, which is gone")
    made = _Made(layers, bool(record.get("layered")), *(recorded(record, name, layers) for name in _LISTS))
    if any(one.startswith("/") or ".." in one.split("/") for one in made.dirs):
        raise ForkError(f"{layers} is damaged, so the files of this fork cannot be shown")
    if record.get("elsewhere"):
        made.place = where(layers, record, environ)
    return made


def _make(seen: Path, root: Path, layers: Path, checkout: Checkout | None, environ: Mapping[str, str]) -> _Made:
    if checkout is None:
        raise ForkError("this fork has no files yet, and no snapshot to begin from")
    tree = layers / "tree"
    try:
        clear(tree)  # what a killed checkout left
        make(tree)
        tree.chmod(seen.stat().st_mode & 0o777)
        checkout(tree)
        found = bring_leftover(seen, tree)
        made = _Made(*_place(layers, environ), missing=found.missing)
        _git(seen, root, tree, made, environ)
        _dirs(tree, found, made)
        (tree / ".fork").mkdir(exist_ok=True)
    except OSError as error:
        raise ForkError(f"the files of the fork could not be made: {error}", kind=Kind.STORAGE) from error
    return made


def _place(layers: Path, environ: Mapping[str, str]) -> tuple[Path, bool]:
    try:
        return where(layers, {}, environ), True
    except ForkError:
        return layers, False


def _git(seen: Path, root: Path, tree: Path, made: _Made, environ: Mapping[str, str]) -> None:
    """Choose git directories to be layered, and copy what of them changes."""
    marker = seen / ".git"
    sources: dict[Path, Path] = {}
    if is_real_dir(marker):
        (tree / ".git").mkdir()
        sources[root / ".git"] = marker
    elif is_file(marker):
        (tree / ".git").write_bytes(read_small(marker, _SMALL))
        sources = {path: path for path in below_project(root, environ).stacks if path != root}
    for number, (target, source) in enumerate(sources.items()):
        made.git.append(str(target))
        if made.layered:
            clear(made.place / f"git{number}")
            upper = layered(made.place / f"git{number}", target, (source,)).own
            copy_mutable_git(source, upper)


def _dirs(tree: Path, found: Leftover, made: _Made) -> None:
    """Make the places at which the parent's other directories are shown."""
    made.dirs = found.dirs[:_MOST_DIRS]
    made.missing += found.dirs[_MOST_DIRS:]
    for path in made.dirs:
        (tree / path).mkdir(exist_ok=True)


def _open(parent: PlainWorkspace, layers: Path, made: _Made, enter: Enter, why: str) -> ForkWorkspace:
    root = parent.root
    base = Layer(root, layers / "tree")
    targets = [*(Path(path) for path in made.git), *(root / path for path in made.dirs)]
    git = {root / ".git", *below_project(root, parent.environ).stacks}  # a record that says others is not fork's
    shown = tuple(path for path in targets if (root in path.parents or path in git) and _shown(parent, path))
    if made.layered:
        names = [f"git{number}" for number in range(len(made.git))] + [f"dir{n}" for n in range(len(made.dirs))]
        places = {path: made.place / name for path, name in zip(targets, names, strict=True)}
        with suppress(ForkError):
            refuse_mounts({path: (path,) for path in shown})
            over = [layered(places[path], path, (path,)) for path in shown]
            return ForkWorkspace(
                "worktree", parent, Plan(root, (base, *over), (layers,)), notes=_notes(made, (), why), enter=enter
            )
    plan = Plan(root, (base,), (layers,), shown)
    try:
        return ForkWorkspace("worktree", parent, plan, notes=_notes(made, shown, why), enter=enter)
    except ForkError as error:
        return _open_apart(parent, base, made, error.sentence)


def _open_apart(parent: PlainWorkspace, base: Layer, made: _Made, why: str) -> ForkWorkspace:
    """Without namespaces: the files are the fork's own, but they lie at another path."""
    tree, root = base.own, parent.root
    notes = [
        f"{why}, so this fork's files lie in {tree}",
        f"commands start there, never in a sandbox; {root} in a command is the parent's files: use relative paths",
    ]
    if not _apart_git(parent.seen if isinstance(parent, ForkWorkspace) else root, tree):
        notes.append("git does not work in it: its data could not be copied")
    made.missing += made.dirs
    plan = Plan(root, (base,))
    return ForkWorkspace("worktree", parent, plan, notes=(*notes, *_notes(made, (), "")), apart=tree)


def _apart_git(seen: Path, tree: Path) -> bool:
    """Give the checkout git data of its own, or keep git from finding the parent's above it."""
    marker = tree / ".git"
    if is_real_dir(marker) and any(marker.iterdir()):
        return True
    try:
        if is_real_dir(seen / ".git"):
            marker.mkdir(exist_ok=True)
            if copy_git(seen / ".git", marker):
                return True
        clear(marker)
        marker.write_text("gitdir: /nonexistent\n", "ascii")
    except OSError as error:
        raise ForkError(f"{marker} could not be made: {error.strerror}", kind=Kind.STORAGE) from error
    return False


def _shown(parent: PlainWorkspace, path: Path) -> bool:
    """Whether the parent still has such a directory."""
    if path == parent.root or parent.root not in path.parents:
        return is_real_dir(path)
    return parent.stat(str(path)).kind == "dir"


def _notes(made: _Made, locked: tuple[Path, ...], why: str) -> tuple[str, ...]:
    notes = [why] if why else []
    if locked:
        notes.append(f"read-only, the parent's own: {_listed([os.fspath(path) for path in locked])}")
    if made.missing:
        notes.append(f"missing, since snapshots do not hold it: {_listed(made.missing)}")
    return tuple(notes)


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - 10} more" if len(paths) > 10 else ""
    return ", ".join(paths[:10]) + more

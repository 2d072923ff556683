"""Copy-on-write views of the parent's files: what is layered over what, and whether the machine can do it.

It serves while the parent waits: what lies below an overlay must not change meanwhile. Changes of a fork lie in its
layers folder and outlive the process; opening the same folder again shows the same files. Invariant: nothing is
written but in the layers folder, or the place in the state directory that is computed from it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.forked import Enter, ForkWorkspace
from forkcli.workspace.gitdirs import git_places
from forkcli.workspace.layers import elsewhere, make, read_record, refuse_link, write_record
from forkcli.workspace.looking import is_dir, is_file
from forkcli.workspace.overlay_probe import why_no_overlay
from forkcli.workspace.plain import PlainWorkspace
from forkcli.workspace.policy import ensure_scratch_dir
from forkcli.workspace.secrets import find_secrets
from forkcli.workspace.view import Layer, Plan

_KERNEL = (Path("/proc"), Path("/dev"), Path("/sys"))


@dataclass(frozen=True, slots=True)
class Below:
    """What a fork is to see below its own changes, by the path at which it sees it; the root comes first."""

    stacks: Mapping[Path, tuple[Path, ...]]
    hidden: tuple[Path, ...] = ()
    locked: tuple[Path, ...] = ()
    enter: Enter = tuple
    notes: tuple[str, ...] = ()


def open_overlay(parent: PlainWorkspace, layers: Path) -> ForkWorkspace:
    """A copy-on-write view of the parent's files. Raises ForkError with why that is impossible."""
    root = parent.root
    below = below_fork(parent) if isinstance(parent, ForkWorkspace) else below_project(root, parent.environ)
    refuse_mounts(below.stacks)
    ensure_scratch_dir(root)
    make(layers)
    record = read_record(layers)
    place = where(layers, record, parent.environ)
    targets = recorded(record, "targets", layers)
    targets += [str(target) for target in below.stacks if str(target) not in targets]
    found = [layered(place / str(targets.index(str(target))), target, stack) for target, stack in below.stacks.items()]
    hidden = (*below.hidden, *(() if place != layers else (layers,)))
    plan = Plan(root, tuple(found), hidden, below.locked)
    workspace = ForkWorkspace("overlay", parent, plan, notes=below.notes, enter=below.enter)
    if record.get("targets") != targets:
        away = place != layers
        write_record(layers, {"kind": "overlay", "elsewhere": away, "targets": targets}, sync=away or len(targets) > 1)
    return workspace


def below_project(root: Path, environ: Mapping[str, str]) -> Below:
    """What lies below a fork of the main agent: the project, and its git data where that lies outside of it."""
    stacks: dict[Path, tuple[Path, ...]] = {root: (root,)}
    notes: list[str] = []
    places = git_places(root)
    if places is not None:
        for path in dict.fromkeys(Path(os.path.realpath(one)) for one in (places.common_dir, places.git_dir)):
            if any(path == place or place in path.parents for place in stacks):
                continue
            if _layerable(path, root, environ):
                stacks[path] = (path,)
            else:
                notes.append(f"the git data of this project lies in {path} and is read-only: git cannot commit")
    return Below(stacks, notes=tuple(notes))


def _layerable(path: Path, root: Path, environ: Mapping[str, str]) -> bool:
    """Whether a directory that the project names as its git data is that, and nothing that is hidden."""
    hidden = (*find_secrets(environ, root).dirs, *_KERNEL)
    if path == Path("/") or any(path == place or place in path.parents for place in hidden):
        return False
    return is_file(path / "HEAD") and (is_dir(path / "objects") or is_file(path / "commondir"))


def below_fork(parent: ForkWorkspace) -> Below:
    """What lies below a fork of a fork: the layers of the parent, which waits."""
    stacks = {layer.target: layer.stack for layer in parent.plan.layers}
    if parent.root not in stacks:
        raise ForkError("an agent with read access has no files of its own that could be forked")
    return Below(stacks, parent.plan.hidden, parent.plan.locked, parent.entered_from, parent.notes)


def where(layers: Path, record: Mapping[str, object], environ: Mapping[str, str]) -> Path:
    """The folder for changed files. Raises ForkError: no place takes them, or the recorded one is gone."""
    away = elsewhere(layers, environ)
    if record:
        place = away if record.get("elsewhere") else layers
        if place is None or not (place / "0").is_dir():
            raise ForkError(f"the files of this fork were in {place}, which is gone")
        return place
    reason = why_no_overlay(layers, environ)
    if not reason:
        return layers
    if away is not None:
        make(away)
        if not why_no_overlay(away, environ):
            return away
    raise ForkError(f"a copy-on-write view of the project cannot be had: {reason}")


def try_overlays(layers: Path, environ: Mapping[str, str]) -> None:
    """Find out what `where` will ask of the file systems of this existing folder and of the state directory."""
    away = elsewhere(layers, environ)
    if why_no_overlay(layers, environ) and away is not None:
        make(away.parent)
        why_no_overlay(away.parent, environ)


def recorded(record: Mapping[str, object], name: str, layers: Path) -> list[str]:
    """A list of paths in the record of the layers. Raises ForkError for anything else."""
    found = record.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ForkError(f"{layers} is damaged, so the files of this fork cannot be shown")
    return list(found)


def layered(place: Path, target: Path, stack: tuple[Path, ...]) -> Layer:
    """The layer whose changes lie in `place`, made if need be: its top looks like what it covers."""
    upper, work = place / "upper", place / "work"
    refuse_link(place)
    make(work)
    refuse_link(upper)
    if not upper.is_dir():
        make(upper)
        info = stack[0].stat() if stack else target.stat()
        upper.chmod(info.st_mode & 0o7777)
        if (info.st_uid, info.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
            os.chown(upper, info.st_uid, info.st_gid)
    return Layer(target, upper, work, stack)


def refuse_mounts(stacks: Mapping[Path, tuple[Path, ...]]) -> None:
    """Raises ForkError when another file system is mounted inside one of the directories: the kernel then refuses."""
    try:
        table = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return
    points = [Path(os.fsdecode(_unescaped(line.split(b" ")[4]))) for line in table if line.count(b" ") > 4]
    for folder in {path for stack in stacks.values() for path in stack}:
        for point in points:
            if folder in point.parents:
                raise ForkError(
                    f"a copy-on-write view of the project cannot be had: a file system of its own is mounted at {point}"
                )


def _unescaped(path: bytes) -> bytes:
    for code in (b"040", b"011", b"012", b"134"):
        path = path.replace(b"\\" + code, bytes([int(code, 8)]))
    return path

"""Snapshots of the project's files: takes them, and keeps one warm index for each agent.

A snapshot is a git tree in fork's own git directory: tracked and untracked files, not ignored ones. Taking one never
touches the user's index, HEAD or settings, runs nothing that the project names, and changes no file of the project.
Invariant: an index is worked on under a private name and put in place whole, so a killed snapshot leaves the last one.
"""

import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from forkcli.errors import ForkError
from forkcli.workspace import snapshots_read as reading
from forkcli.workspace.gitrun import GitResult, checked
from forkcli.workspace.merge import Conflict, Merged, merge
from forkcli.workspace.project import is_risky_root
from forkcli.workspace.snapshots_dir import GitRun, SnapshotDir, known_id
from forkcli.workspace.snapshots_ignore import exclude_patterns, user_excludes
from forkcli.workspace.snapshots_ignored import ignored
from forkcli.workspace.snapshots_read import Change
from forkcli.workspace.snapshots_scan import Differences, Excluded, Limits, differences
from forkcli.workspace.snapshots_seed import Tracked, seed, tracked, user_index, wanted_kind
from forkcli.workspace.snapshots_special import Special

__all__ = ["Change", "Conflict", "Excluded", "GitRun", "Limits", "Merged", "Snapshot", "Snapshots"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
_NO_ID = b"0" * 40
_WARM = "+warm"  # the index of the project's own files that was written last; no agent's name begins like that
_TRIES = 3
_FEW = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files at one moment: the id of a tree, and what on disk it does not hold."""

    tree: str
    excluded: tuple[Excluded, ...] = ()


@dataclass(slots=True)
class _Agent:
    """What is remembered of an agent between its snapshots; all of it can be found out again."""

    lock: Lock = field(default_factory=Lock)
    stamp: tuple[int, ...] = ()  # of the index when `tree` was written from it
    tree: str = ""
    user_stamp: tuple[int, int, int] | None = None
    user: Tracked = field(default_factory=Tracked)
    given: frozenset[bytes] = frozenset()
    special: Special = field(default_factory=Special)
    folders: set[bytes] | None = None  # that hold files of the snapshot, or once did


class Snapshots:
    """The snapshots of one project. All calls block; different threads may take snapshots of different agents.

    An agent's name is unique in the project, such as a session and an agent joined by a slash. A home directory, or
    what holds one, is only snapshotted with `wide`, which says that the user was asked.
    """

    def __init__(self, scratch_dir: Path, project: Path, limits: Limits | None = None, *, wide: bool = False) -> None:
        self._wide = wide
        self.where = SnapshotDir(scratch_dir, project)
        self.limits = limits or Limits()
        self._agents: dict[str, _Agent] = {}
        self._lock = Lock()
        self._user_file: Path | None = None

    def begin(self, agent: str, base: str, like: str = "") -> None:
        """Start an agent's index from the snapshot `base`, and from the warm index of the agent `like`, if it has one.

        For a fork: what its parent's snapshots hold, its own will hold too, whatever is ignored meanwhile.
        """
        known_id(base)
        self._ready()
        name = file_name(agent)
        with self._private(name, file_name(like) if like else "") as index:
            self._git(index, "read-tree", "-i", "-m", base)
            index.replace(self._index(name))
        self._agents.pop(name, None)

    def take(self, agent: str, tree: Path | None = None, run_git: GitRun | None = None) -> Snapshot:
        """A snapshot of an agent's files.

        Files that are only visible in another mount namespace: `tree` is where they are visible here, and `run_git`
        runs a git inside, where they have the project's own path. Raises ForkError; it changes nothing then.
        """
        name = file_name(agent)
        if is_risky_root(self.where.project) and not self._wide:
            raise ForkError(f"{self.where.project} is too wide to be snapshotted unasked", "start fork in a project")
        self._ready()
        with self._lock:
            state = self._agents.setdefault(name, _Agent())
        with state.lock:
            run, place = run_git or self.where.run, tree or self.where.project
            assert self._user_file is not None
            self.where.exclude(exclude_patterns(self.where.project, self._user_file))
            state.special.refuse_traps(place)
            with self._private(name, "") as index:
                excluded = self._update(state, index, place, run)
                made = self._write_tree(state, index)
                self._settle(name, state, index, warm=tree is None)
            self._keep(name, made)
            unusual = self._special(state, name, place, run)
            return Snapshot(made, tuple(sorted({*excluded, *unusual}, key=lambda one: one.path)))

    def paths(self, tree: str) -> list[str]:
        """All files of a snapshot, in git's order."""
        return reading.paths(self.where, tree)

    def changes(self, old: str, new: str) -> list[Change]:
        """How two snapshots differ, path by path; a rename is a deletion and an addition."""
        return reading.changes(self.where, old, new)

    def touched(self, old: str, new: str) -> frozenset[str]:
        """The paths by which two snapshots differ."""
        return frozenset(delta.path for delta in reading.deltas(self.where, old, new))

    def diff(self, old: str, new: str, paths: Sequence[str] = (), most_bytes: int = reading.DIFF_BYTES) -> str:
        """A unified diff in git's form, renames shown; of `paths` alone, if given. Says where it is cut."""
        return reading.diff(self.where, old, new, paths, most_bytes)

    def read(self, tree: str, path: str) -> bytes:
        """The content of one file, for a symbolic link where it points. Raises ForkError where there is none."""
        return reading.read(self.where, tree, path)

    def export(self, tree: str, paths: Sequence[str], folder: Path) -> list[str]:
        """Write some files of a snapshot beneath `folder`, for a reader; returns those that the snapshot has."""
        return reading.export(self.where, tree, paths, folder)

    def ignored(self, agent: str, run_git: GitRun | None = None) -> list[str]:
        """What is ignored among an agent's files, so that no snapshot holds it; directories stand for their content."""
        self._ready()
        index = self._index(file_name(agent))
        return ignored(self.where, index if index.exists() else self._index(_WARM), run_git or self.where.run)

    def merge(self, base: str, ours: str, theirs: str) -> Merged:
        """Bring the changes from `base` to `theirs` into `ours`: a tree, or conflicts. No file is touched."""
        return merge(self.where, base, ours, theirs)

    def _ready(self) -> None:
        self.where.ready(wanted_kind(self.where.project))
        if self._user_file is None:
            self._user_file = user_excludes(self.where.project, self.where.program)

    # --- the index ----------------------------------------------------------------------------------------------

    def _index(self, name: str) -> Path:
        return self.where.folder / "indexes" / name

    @contextmanager
    def _private(self, name: str, like: str) -> Iterator[Path]:
        """A private index: the agent's own, or one to begin with. git replaces files whole, so a link is a copy."""
        index = self._index(f".{name}.{secrets.token_hex(8)}")
        try:
            for source in filter(None, (name if not like else "", like, _WARM)):
                with suppress(FileNotFoundError):
                    os.link(self._index(source), index)  # a link keeps the time of writing, on which git relies
                    if source == _WARM:
                        self._forget_ignored(index)
                    break
            else:
                self._seed(index)
            yield index
        finally:
            for path in (index, index.with_name(f"{index.name}.lock")):
                path.unlink(missing_ok=True)

    def _seed(self, index: Path) -> None:
        user = user_index(self.where.project, self.where.project)
        if user is not None:
            seed(self.where, user, index)

    def _forget_ignored(self, index: Path) -> None:
        """Drop from another agent's index what is ignored by now; what is tracked all the same comes back."""
        ran = self.where.run(
            self.where.arguments("ls-files", "-z", "-c", "-i", "--exclude-standard", in_tree=True),
            self.where.environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(self.where.project)),
            b"",
        )
        self._remove(index, [path for path in checked(ran).split(b"\0") if path], self.where.run)

    def _remove(self, index: Path, paths: Sequence[bytes], run: GitRun) -> None:
        if paths:
            lines = [b"0 %s\t%s\0" % (_NO_ID, path) for path in paths]
            argv = self.where.arguments("update-index", "-z", "--index-info")
            checked(run(argv, self.where.environment(GIT_INDEX_FILE=str(index)), b"".join(lines)))

    def _git(self, index: Path, *arguments: str) -> bytes:
        return self.where.git(*arguments, GIT_INDEX_FILE=str(index))

    # --- taking -------------------------------------------------------------------------------------------------

    def _update(self, state: _Agent, index: Path, tree: Path, run: GitRun) -> list[Excluded]:
        """Bring the index up to date with the files; again, if they changed under it in a way that git refuses."""
        self._look_at_users(state, tree, run)
        for attempt in range(_TRIES):
            forced = Tracked(state.user.despite_ignored - state.given, state.user.outside, state.user.submodules)
            found = differences(self.where, index, tree, run, forced, self.limits)
            ran = self._store(state, index, found, run)
            if ran is None or ran.code == 0:
                break
            if attempt == _TRIES - 1:
                checked(ran)
        state.given = state.user.despite_ignored
        return found.excluded

    def _store(self, state: _Agent, index: Path, found: Differences, run: GitRun) -> GitResult | None:
        self._remove(index, found.gone, run)
        if not found.store:
            return None
        if state.folders is not None:
            state.folders |= _parents(found.store)
        env = self.where.environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(self.where.project))
        options = ("-z", "--add", "--remove", "--replace", "--stdin")
        argv = self.where.arguments(*_syncing(len(found.store)), "update-index", *options, in_tree=True)
        return run(argv, env, b"".join(path + b"\0" for path in found.store))

    def _look_at_users(self, state: _Agent, tree: Path, run: GitRun) -> None:
        user = user_index(self.where.project, tree)
        if user is not None and user.stamp != state.user_stamp:
            state.user = tracked(self.where, user, run)
            state.user_stamp = user.stamp

    def _write_tree(self, state: _Agent, index: Path) -> str:
        stamp = _stamp(index)
        if not state.tree or state.stamp != stamp:
            state.tree = self.where.write_tree(index, many=not state.tree)
        return state.tree

    def _settle(self, name: str, state: _Agent, index: Path, *, warm: bool) -> None:
        """Put the index in place, and give it to those who have none yet if it is of the project's own files."""
        with suppress(FileNotFoundError):  # nothing was ever stored
            state.stamp = _stamp(index)
            if warm:
                spare = index.with_name(f"{index.name}.warm")
                os.link(index, spare)
                spare.replace(self._index(_WARM))
                spare.unlink(missing_ok=True)  # rename leaves it where both were the same file
            index.replace(self._index(name))

    def _keep(self, name: str, tree: str) -> None:
        """Name the tree by a ref, so that no collector ever takes it."""
        folder = self.where.folder / "refs/fork" / name
        path = folder / tree
        if not path.exists():
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            aside = folder / f".{secrets.token_hex(8)}"
            aside.touch(mode=0o600)
            aside.write_text(f"{tree}\n", "ascii")
            aside.replace(path)

    def _special(self, state: _Agent, name: str, tree: Path, run: GitRun) -> list[Excluded]:
        if state.folders is None:
            state.folders = _parents(self._git(self._index(name), "ls-files", "-z").split(b"\0"))

        def ignored(paths: list[bytes]) -> set[bytes]:
            argv = self.where.arguments("check-ignore", "-z", "--stdin", "--no-index", in_tree=True)
            env = self.where.environment(GIT_WORK_TREE=str(self.where.project))
            del env["GIT_LITERAL_PATHSPECS"]  # which this command does not know; `./` keeps a name a name
            ran = run(argv, env, b"".join(b"./%s\0" % path for path in paths))
            return {path.removeprefix(b"./") for path in checked(ran).split(b"\0")} if ran.code != 1 else set()

        return state.special.find(tree, state.folders, ignored, time.time_ns())


def _syncing(files: int) -> tuple[str, ...]:
    """Flushing each new object by itself is quicker for a few, all at once for many."""
    return ("-c", "core.fsyncMethod=fsync") if files <= _FEW else ()


def _parents(paths: Sequence[bytes]) -> set[bytes]:
    """All directories that hold one of the files, at any depth."""
    found: set[bytes] = set()
    for folder in {path.rpartition(b"/")[0] for path in paths}:
        upper = folder
        while upper and upper not in found:
            found.add(upper)
            upper = upper.rpartition(b"/")[0]
    return found


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0,)
    return found.st_mtime_ns, found.st_size, found.st_ino


def file_name(agent: str) -> str:
    """An agent's name as one part of a path. Raises ForkError for what is no name."""
    name = agent.replace("/", "+")
    if not _NAME.fullmatch(name) or name.endswith(".lock") or ".." in name:
        raise ForkError(f"`{agent[:100]}` is no name for an agent's snapshots")
    return name

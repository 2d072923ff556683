"""What the project's own git knows of its files: which it tracks, and their content, taken over without copying files.

Only the user's index and objects are read, by a git that runs on fork's own directory: the settings, hooks and filters
of the project's repository are never looked at, nothing of it is written, and nothing goes on depending on it.
Invariant: every object that a seeded index names is in fork's own directory.
"""

import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from forkcli.workspace.gitdirs import GitPlaces, git_places, read_head, read_small
from forkcli.workspace.gitrun import checked
from forkcli.workspace.snapshots_dir import GitRun, SnapshotDir, listed_ids

_MOST_BYTES = 2 * 1024 * 1024 * 1024
_MOST_CONFIG = 1024 * 1024
_LINK = b"160000"  # the mode of a submodule


@dataclass(frozen=True, slots=True)
class Tracked:
    """What an index of the user's says: files that are tracked although ignored, files outside a sparse checkout's
    cone, and submodules. Paths as git has them."""

    despite_ignored: frozenset[bytes] = frozenset()
    outside: frozenset[bytes] = frozenset()
    submodules: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class UserIndex:
    """Where the user's index and objects lie, as git sees them, and what tells whether the index has changed."""

    path: Path
    objects: Path
    git_dir: Path
    stamp: tuple[int, int, int]


def user_index(project: Path, tree: Path) -> UserIndex | None:
    """The index of the work tree `project`, whose files are visible at `tree`; None where there is none."""
    places = git_places(project) if tree == project else _inside(project, tree)
    if places is None:
        return None
    path = places.git_dir / "index"
    try:
        seen = tree / path.relative_to(project) if path.is_relative_to(project) else path
        found = seen.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    return UserIndex(path, places.common_dir / "objects", places.git_dir, stamp)


def _inside(project: Path, tree: Path) -> GitPlaces | None:
    """A `.git` that is a directory of the copy itself; where a file points elsewhere, the copy has no git of its own.

    Nothing is resolved by name here: through /proc that would lead to the files of another namespace.
    """
    marker = tree / ".git"
    if not marker.is_dir() or marker.is_symlink() or (marker / "commondir").exists():
        return None
    return GitPlaces(project / ".git", project / ".git")


def tracked(where: SnapshotDir, user: UserIndex, run: GitRun) -> Tracked:
    """What the user's index says. Nothing, where it cannot be read."""
    listed = _listing(where, user, run, "-s", "-t")
    if listed is None:
        return Tracked()
    outside: list[bytes] = []
    submodules: list[bytes] = []
    for line in listed.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if head.startswith(b"S "):
            outside.append(path)
        elif head[2:8] == _LINK:
            submodules.append(path)
    ignored = _listing(where, user, run, "-c", "-i", "--exclude-standard") or b""
    forced = frozenset(ignored.split(b"\0")) - {b"", *outside, *submodules}
    return Tracked(forced, frozenset(outside), frozenset(submodules))


def _listing(where: SnapshotDir, user: UserIndex, run: GitRun, *options: str) -> bytes | None:
    argv = where.arguments("ls-files", "-z", *options, in_tree=True)
    env = where.environment(**_theirs(where, user))
    # a split index is found by the directory it lies in; then the hardened git looks at the user's
    for more in ({}, {"GIT_DIR": str(user.git_dir)}):
        ran = run(argv, {**env, **more}, b"")
        if ran.code == 0:
            return ran.out
    return None


def _theirs(where: SnapshotDir, user: UserIndex) -> dict[str, str]:
    escaped = str(user.objects).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return {
        "GIT_INDEX_FILE": str(user.path),
        "GIT_WORK_TREE": str(where.project),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{escaped}"',
    }


def wanted_kind(project: Path) -> str:
    """Which hash the project's repository uses, so that fork's can take its objects over."""
    places = git_places(project)
    config = read_small(places.common_dir / "config", _MOST_CONFIG) if places else b""
    return "sha256" if re.search(rb"(?im)^\s*objectformat\s*=\s*\"?sha256", config) else "sha1"


def seed(where: SnapshotDir, user: UserIndex, index: Path) -> None:
    """Fill a new index with what the user's index tracks, and take the objects over in one pack.

    Does nothing where it cannot: then the first snapshot stores all files itself. Nothing is believed of the files'
    present content: no stat data is taken over, so that each file is hashed once.
    """
    listed = _listing(where, user, where.run, "-s", "-t")
    entries = _entries(listed or b"")
    if not entries:
        return
    env = {key: value for key, value in _theirs(where, user).items() if key != "GIT_INDEX_FILE"}
    wanted = {object_id for _, object_id, _ in entries} | _directories(where, env)
    ids = b"\n".join(sorted(wanted)) + b"\n"
    checking = where.arguments("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    sizes = _sizes(checked(where.run(checking, where.environment(**env), ids)))
    taken = _within(sizes)
    if not taken:
        return
    if _take_over(where, env, taken):
        lines = [b"%s %s 0\t%s\0" % entry for entry in entries if entry[1] in taken]
        where.git("update-index", "-z", "--index-info", stdin=b"".join(lines), GIT_INDEX_FILE=str(index))


def _take_over(where: SnapshotDir, env: dict[str, str], taken: set[bytes]) -> bool:
    """Pack the objects and put the pack in place, once their names have been computed from their content.

    Packing believes what the user's repository calls them, and one that was tampered with could lie.
    """
    aside = where.folder / "objects" / f"tmp_seed_{secrets.token_hex(8)}"
    aside.mkdir()
    try:
        packing = where.arguments("pack-objects", "-q", "--window=0", "--delta-base-offset", str(aside / "pack"))
        if where.run(packing, where.environment(**env), b"\n".join(sorted(taken)) + b"\n").code != 0:
            return False
        for path in aside.iterdir():
            if path.suffix != ".pack":
                path.unlink()
        for path in aside.glob("*.pack"):
            where.git("index-pack", str(path))
        for path in sorted(aside.iterdir(), key=lambda one: one.suffix == ".idx"):  # git sees a pack by its index
            path.rename(where.folder / "objects/pack" / path.name)
        return True
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _directories(where: SnapshotDir, env: dict[str, str]) -> set[bytes]:
    """The directories of the last commit: most will be those of the first snapshot."""
    head = read_head(where.project)
    if head is None or head.commit is None:
        return set()
    listing = where.arguments("ls-tree", "-r", "-t", "-d", "-z", head.commit)
    top = where.arguments("rev-parse", "--verify", "-q", "--end-of-options", f"{head.commit}^{{tree}}")
    listed, named = (where.run(argv, where.environment(**env), b"") for argv in (listing, top))
    return listed_ids(listed.out) | {named.out.strip()} if listed.code == named.code == 0 else set()


def _entries(listed: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Mode, id and path of each tracked file that is in the work tree; of an unmerged one the first stage."""
    found: dict[bytes, tuple[bytes, bytes, bytes]] = {}
    for line in listed.split(b"\0"):
        head, _, path = line.partition(b"\t")
        words = head.split(b" ")
        if len(words) == 4 and words[0] != b"S" and words[1] != _LINK and not _ours(path):
            found.setdefault(path, (words[1], words[2], path))
    return list(found.values())


def _ours(path: bytes) -> bool:
    return path.split(b"/", 1)[0] == b".fork"


def _sizes(out: bytes) -> dict[bytes, int]:
    words = (line.split(b" ") for line in out.splitlines())
    return {word[0]: int(word[2]) for word in words if len(word) == 3 and word[1] in {b"blob", b"tree"}}


def _within(sizes: dict[bytes, int]) -> set[bytes]:
    """The smallest objects that together stay within the limit."""
    taken: set[bytes] = set()
    total = 0
    for object_id, size in sorted(sizes.items(), key=lambda item: item[1]):
        total += size
        if total > _MOST_BYTES:
            break
        taken.add(object_id)
    return taken

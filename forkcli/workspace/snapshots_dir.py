"""The git directory that holds the file snapshots: its making, its settings, and how git is run on it.

It is fork's own: the user's git directory is never written, and no settings but its own are read here. It is never
garbage-collected and borrows objects from nowhere. Invariant: its settings are written anew by every process that opens
it, so that nothing planted in it takes effect.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from forkcli.errors import ForkError, Kind
from forkcli.workspace.environment import find_program
from forkcli.workspace.gitrun import ENVIRONMENT, FIXED, UMASK, GitResult, checked, execute

# Runs a git: its arguments with the program first, its whole environment, what it reads. One that runs it elsewhere
# (inside another mount namespace) sees the same paths there, and must let GIT_DIR be written.
GitRun = Callable[[Sequence[str], Mapping[str, str], bytes], GitResult]

TIMEOUT_S = 300.0
MOST_BYTES = 512 * 1024 * 1024
_FEW_LOOSE = 64
_SMALL = 64 * 1024
_LEFTOVER_S = 3600.0  # what a killed git left behind is removed when it is older than any call can be
_HEX = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ATTRIBUTES = b"* -text !eol -filter -ident -working-tree-encoding !diff !merge !conflict-marker-size\n"
_CONFIG = """\
[core]
	repositoryformatversion = {version}
	bare = false
	fileMode = true
	symlinks = true
	ignoreCase = false
	precomposeUnicode = false
	protectHFS = false
	protectNTFS = false
	autocrlf = false
	safecrlf = false
	logAllRefUpdates = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	untrackedCache = false
	splitIndex = false
	sparseCheckout = false
	useReplaceRefs = false
	fsync = loose-object,pack,pack-metadata
	fsyncMethod = batch
[gc]
	auto = 0
[merge]
	renames = false
	directoryRenames = false
"""
_PLANTED = ("config.worktree", "commondir", "gitdir", "shallow", "info/grafts", "info/sparse-checkout", "modules")
_FILES = ("config", "HEAD", "packed-refs", "info/exclude", "info/attributes")
_FOLDERS = ("", "objects", "objects/pack", "objects/info", "indexes", "info", "refs", "refs/heads")
_PLANTED_OBJECTS = ("objects/info/alternates", "objects/info/http-alternates")


class SnapshotDir:
    """`.fork/snapshots.git` of one project. Nothing is made before it is first used."""

    def __init__(self, scratch_dir: Path, project: Path) -> None:
        self.scratch_dir = scratch_dir
        self.project = project
        self.folder = scratch_dir / "snapshots.git"
        self._program = ""
        self._kind = ""
        self._excludes: bytes | None = None
        self._lock = Lock()

    @property
    def kind(self) -> str:
        """Which hash names the objects: `sha1` or `sha256`."""
        self.ready()
        return self._kind

    @property
    def program(self) -> str:
        """The absolute path of git. Raises ForkError where there is none."""
        if not self._program:
            self._program = find_program("git", (self.project,)) or ""
        if not self._program:
            raise ForkError("git was not found, and snapshots of the files are kept with it", "install git")
        return self._program

    def ready(self, kind: str = "sha1") -> None:
        """Make the directory if there is none yet (with hashes of that kind) and put its settings right.

        Raises ForkError(STORAGE).
        """
        with self._lock:
            if self._kind:
                return
            try:
                if not os.path.lexists(self.folder):
                    self._make(kind)
                _refuse_foreign(self.folder)
                self._kind = self._settle()
                self._sweep()
            except OSError as error:
                raise ForkError(
                    f"`{self.folder}` cannot be used: {error.strerror}",
                    "free some space, or check who owns it",
                    kind=Kind.STORAGE,
                ) from error

    def exclude(self, patterns: bytes) -> None:
        """Make these lines, of the form of a .gitignore, count for what is not tracked."""
        if patterns != self._excludes:
            replace(self.folder / "info/exclude", patterns)
            self._excludes = patterns

    def environment(self, **more: str) -> dict[str, str]:
        """What a git on this directory sees."""
        return {
            **ENVIRONMENT,
            "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DIR": str(self.folder),
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _NOBODY.items()},
            **more,
        }

    def arguments(self, *arguments: str, in_tree: bool = False) -> list[str]:
        """The arguments of a git on this directory; `in_tree` for one that looks at the project's files."""
        where = ("-C", str(self.project)) if in_tree else ()
        return [self.program, *FIXED, *where, *arguments]

    def run(self, argv: Sequence[str], env: Mapping[str, str], stdin: bytes, umask: int = UMASK) -> GitResult:
        """The `GitRun` that runs git here."""
        return execute(self.project, argv, env, timeout_s=TIMEOUT_S, most_bytes=MOST_BYTES, stdin=stdin, umask=umask)

    def git(self, *arguments: str, stdin: bytes = b"", **env: str) -> bytes:
        """What git writes when it is run on this directory alone. Raises ForkError when it fails."""
        self.ready()
        return checked(self.run(self.arguments(*arguments), self.environment(**env), stdin))

    def ask(self, *arguments: str, most_bytes: int = MOST_BYTES, stdin: bytes = b"") -> GitResult:
        """How a git on this directory ended, whatever its exit code."""
        self.ready()
        argv, env = self.arguments(*arguments), self.environment()
        return execute(self.project, argv, env, timeout_s=TIMEOUT_S, most_bytes=most_bytes, stdin=stdin)

    def hashed(self, size: int) -> "hashlib._Hash":
        """A hash that has taken the header of a blob of `size` bytes; with its bytes it is the blob's id."""
        return hashlib.new(self.kind, f"blob {size}\0".encode("ascii"))

    def write_tree(self, index: Path, *, many: bool) -> str:
        """Store the directories of an index, on the disk; the id of the top. `many`: most of them may be new.

        Then they go into one pack, since bringing thousands of files onto the disk one by one takes seconds.
        """
        if not many:
            return self.git("write-tree", GIT_INDEX_FILE=str(index)).decode("ascii").strip()
        tree = self.git("-c", "core.fsync=none", "write-tree", GIT_INDEX_FILE=str(index)).decode("ascii").strip()
        ids = {tree, *(one.decode("ascii") for one in listed_ids(self.git("ls-tree", "-r", "-t", "-d", "-z", tree)))}
        loose = [path for one in ids if (path := self.folder / "objects" / one[:2] / one[2:]).exists()]
        if len(loose) <= _FEW_LOOSE:
            for path in loose:
                sync(path)
            return tree
        names = "".join(f"{path.parent.name}{path.name}\n" for path in loose)
        pack = self.folder / "objects/pack/pack"
        self.git("pack-objects", "-q", "--window=0", str(pack), stdin=names.encode("ascii"))
        return tree

    def _make(self, kind: str) -> None:
        """Make it aside and put it in place whole: a killed process leaves no half of it."""
        aside = self.scratch_dir / f".snapshots-{secrets.token_hex(8)}.git"
        environment = self.environment(GIT_DIR=str(aside))
        argv = self.arguments("init", "--bare", "--quiet", "--template=", f"--object-format={kind}")
        try:
            aside.mkdir(mode=0o700)
            checked(self.run(argv, environment, b""))
            (aside / "indexes").mkdir(mode=0o700)
            (aside / "info").mkdir(mode=0o700, exist_ok=True)
            with suppress(FileExistsError):
                aside.rename(self.folder)
        except OSError:
            if not self.folder.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _settle(self) -> str:
        config = self.folder / "config"
        kind = "sha256" if re.search(rb"(?i)objectformat\s*=\s*sha256", _beginning(config)) else "sha1"
        text = _CONFIG.format(version=0 if kind == "sha1" else 1)
        if kind == "sha256":
            text += "[extensions]\n\tobjectFormat = sha256\n"
        replace(config, text.encode("ascii"))
        for folder in ("info", "indexes", "objects", "objects/pack"):
            (self.folder / folder).mkdir(mode=0o700, exist_ok=True)
        replace(self.folder / "info/attributes", _ATTRIBUTES)
        for name in (*_PLANTED, *_PLANTED_OBJECTS):
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif os.path.lexists(path):
                path.unlink()
        return kind

    def _sweep(self) -> None:
        """Remove what killed processes left: temporary objects, packs and indexes."""
        old = time.time() - _LEFTOVER_S
        places = [(self.folder / "objects", "??/tmp_obj_*"), (self.folder / "objects", "pack/tmp_*")]
        places += [(self.folder / "objects", "tmp_*"), (self.folder / "indexes", ".*"), (self.folder, "info/.*.tmp")]
        places.append((self.scratch_dir, ".snapshots-*.git"))
        for folder, pattern in places:
            for path in folder.glob(pattern):
                with suppress(OSError):
                    if path.lstat().st_mtime < old:
                        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


_NOBODY = {"NAME": "fork", "EMAIL": "fork@localhost", "DATE": "1000000000 +0000"}


def listed_ids(out: bytes) -> set[bytes]:
    """The ids in what `ls-tree -z` wrote."""
    return {line.partition(b"\t")[0].split(b" ")[2] for line in out.split(b"\0") if line}


def known_id(text: str) -> str:
    """`text`, if it has the form of an object's name. Raises ForkError."""
    if not _HEX.fullmatch(text):
        raise ForkError(f"`{text[:100]}` is no snapshot's id")
    return text


def replace(path: Path, data: bytes) -> None:
    """Put a small file in place atomically. Raises OSError."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def sync(path: Path) -> None:
    """Bring a file, or a directory's names, onto the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_foreign(folder: Path) -> None:
    """Raise for a directory that fork did not make here, such as one that came with the project."""
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    for name in _FILES:  # git would wait for ever at a pipe in the place of one
        path = folder / name
        ours = ours and (stat.S_ISREG(path.lstat().st_mode) if os.path.lexists(path) else name != "config")
    if not ours or not all(_is_plain(folder / name) for name in _FOLDERS):
        raise ForkError(
            f"`{folder}` was not made by fork here",
            "move it away; fork makes its own, and the snapshots in it are lost to rewinds",
            kind=Kind.STORAGE,
        )


def _beginning(path: Path) -> bytes:
    """The first bytes of a file that is not longer, if fork wrote it."""
    with path.open("rb") as file:
        return file.read(_SMALL)


def _is_plain(folder: Path) -> bool:
    """Whether it is a directory, or not there, and holds files and directories alone: through a link git would write,
    and files be swept, where the link leads; at a pipe it would wait."""
    if not os.path.lexists(folder):
        return True
    if not stat.S_ISDIR(folder.lstat().st_mode):
        return False
    with os.scandir(folder) as entries:
        return all(entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False) for entry in entries)

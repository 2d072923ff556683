"""File access of an agent: every path is resolved beneath the root or an added directory, in the kernel.

It never follows a path out of these, never opens a device or a pipe for its content, and never writes into `.git` or
`.fork`. Invariant: every error is a ForkError with a sentence that the model can act on.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from forkcli.engine.ports import FileStat
from forkcli.errors import ForkError
from forkcli.workspace.beneath import O_PATH, open_beneath
from forkcli.workspace.replacing import replace_file

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFDIR: "a directory",
}
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_MOST_NAMES = 100_000


class Files:
    """The files beneath some directories, the first of which is the project's root."""

    def __init__(self, roots: Iterable[Path], seen: Mapping[Path, Path] | None = None) -> None:
        """`seen` says where a root is visible to this process, when that is not at its own path."""
        self.roots = tuple(roots)
        self._bases = {root: _open_root((seen or {}).get(root, root)) for root in self.roots}

    @property
    def root(self) -> Path:
        """The project's directory."""
        return self.roots[0]

    def close(self) -> None:
        """Give the descriptors back; using it afterwards is a mistake."""
        while self._bases:
            os.close(self._bases.popitem()[1])

    def root_of(self, path: str) -> Path:
        """The root or added directory that holds a path. Raises ForkError when none does."""
        return self._locate(path)[0]

    def relative(self, path: str) -> str:
        """`path` relative to the root where it is beneath it, absolute where it is beneath another, else as given."""
        try:
            root, rel = self._locate(path)
        except ForkError:
            return path
        shown = os.path.normpath(rel)
        return shown if root == self.root or shown.startswith("..") else str(root / shown)

    def stat(self, path: str) -> FileStat:
        """What lies at `path`, symbolic links followed."""
        root, rel = self._locate(path)
        try:
            fd = open_beneath(self._bases[root], rel, O_PATH)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                return FileStat("absent")
            explain(path, error)
        try:
            info = os.fstat(fd)
        finally:
            os.close(fd)
        known = {stat.S_IFREG: "file", stat.S_IFDIR: "dir"}
        kind = known.get(stat.S_IFMT(info.st_mode))
        mode = stat.S_IMODE(info.st_mode)
        if kind == "file":
            return FileStat("file", info.st_size, mode)
        return FileStat("dir" if kind else "other", info.st_size, mode)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """At most `limit` bytes of a regular file, from byte `offset`; fewer only at its end."""
        with self._opened(path, stat.S_IFREG, _READ) as fd:
            parts: list[bytes] = []
            while limit > 0 and (part := os.pread(fd, min(limit, 1 << 20), offset)):
                parts.append(part)
                limit -= len(part)
                offset += len(part)
            return b"".join(parts)

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, directories with a trailing slash, sorted."""
        with self._opened(path, stat.S_IFDIR, os.O_RDONLY | os.O_DIRECTORY) as fd, os.scandir(fd) as entries:
            names: list[str] = []
            for entry in entries:
                names.append(entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name)
                if len(names) > _MOST_NAMES:
                    raise ForkError(f"{path} has more than {_MOST_NAMES} entries")
            return sorted(names)

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file atomically, keeping its mode; makes parent directories."""
        root, rel = self._locate(path)
        try:
            replace_file(self._bases[root], rel, data, shown=path)
        except OSError as error:
            explain(path, error)

    @contextmanager
    def _opened(self, path: str, kind: int, flags: int) -> Iterator[int]:
        """A descriptor of a file of that kind. What it is is asked before it is opened: opening can have effects."""
        root, rel = self._locate(path)
        fds: list[int] = []
        try:
            for how in (O_PATH, flags):
                fds.append(open_beneath(self._bases[root], rel, how))
                _expect(path, os.fstat(fds[-1]).st_mode, kind)
            yield fds[-1]
        except OSError as error:
            explain(path, error)
        finally:
            for fd in fds:
                os.close(fd)

    def _locate(self, path: str) -> tuple[Path, str]:
        """The root that holds a path, and the path relative to it. Nothing is resolved here but `~` is refused."""
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError as error:
            raise ForkError("the path is not valid text") from error
        if b"\0" in raw:
            raise ForkError("the path holds a null byte")
        if not path:
            raise ForkError("the path is empty")
        if path == "~" or path.startswith("~/"):
            raise ForkError(f"{path}: `~` is not the home directory here", "paths are relative to the project")
        if not path.startswith("/"):
            return self.root, path
        for root in self.roots:
            if (rel := _below(path, root)) is not None:
                return root, rel
        # the same directory by another name, such as /tmp for /private/tmp; the kernel checks what comes of it
        head, tail = os.path.split(path.rstrip("/") or "/")
        real = str(Path(os.path.realpath(head)) / tail)
        for root in self.roots:
            if (rel := _below(real, root)) is not None:
                return root, rel
        raise ForkError(
            f"{path} lies outside the project {self.root}",
            "read it with a command, or ask the user to start fork with --add-dir",
        )


def _below(path: str, root: Path) -> str | None:
    prefix = str(root).rstrip("/") + "/"
    if path.rstrip("/") == str(root).rstrip("/"):
        return "."
    return path[len(prefix) :].lstrip("/") or "." if path.startswith(prefix) else None


def _open_root(root: Path) -> int:
    try:
        return os.open(root, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ForkError(f"{root} is not a directory that can be opened: {error.strerror}") from error


def _expect(path: str, mode: int, kind: int) -> None:
    found = stat.S_IFMT(mode)
    if found == kind:
        return
    if kind == stat.S_IFDIR:
        raise ForkError(f"{path} is not a directory")
    raise ForkError(f"{path} is {_KINDS.get(found, 'not a file')}, not a regular file")


def explain(path: str, error: OSError) -> NoReturn:
    """Raise what went wrong with `path` as a sentence."""
    sentences = {
        errno.EXDEV: f"{path} leads out of the project",
        errno.ELOOP: f"{path} goes through too many symbolic links, or one that must not be followed",
        errno.ENOENT: f"{path} does not exist",
        errno.ENOTDIR: f"a part of {path} is not a directory",
        errno.EISDIR: f"{path} is a directory",
        errno.EACCES: f"{path} cannot be accessed: permission denied",
        errno.EROFS: f"{path} lies on a read-only file system",
        errno.ENOSPC: f"{path} was not written: no space is left",
        errno.ENAMETOOLONG: "the path is too long",
    }
    code = error.errno or 0
    raise ForkError(sentences.get(code, f"{path}: {error.strerror or error}")) from error

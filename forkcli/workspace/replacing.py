"""Replace one file beneath a directory, atomically, or refuse.

It never writes into an existing file and never through a link that leads out. Invariant: at any moment the path holds
the old content or the new, and `.git` and `.fork` (but for `.fork/notes/`) hold nothing that came from here.
"""

import errno
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.beneath import O_PATH, make_directories, open_beneath, real_path
from forkcli.workspace.gitdirs import git_places

_TEMP = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PROTECTED = (".git", ".fork")
# characters that some file systems ignore in names, so that `.g\u200cit` is `.git` there
_IGNORED = dict.fromkeys([0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070)])


def replace_file(base: int, path: str, data: bytes, *, shown: str) -> None:
    """Put `data` at `path` beneath the directory `base`; `shown` names it in errors.

    A symbolic link to a file beneath is followed and its target replaced. Raises ForkError, or OSError as open does.
    """
    refuse_protected([part for part in path.split("/") if part not in {"", "."}], shown)
    existing = _existing(base, path, shown)
    if existing is None:
        folder, _, name = path.rstrip("/").rpartition("/")
        old = None
        if path.endswith("/") or name in {"", ".", ".."}:
            raise ForkError(f"{shown} names a directory, not a file")
        parent = make_directories(base, folder)
    else:
        where, old = existing
        folder, _, name = where.rpartition("/")
        parent = open_beneath(base, folder or ".", O_PATH | os.O_DIRECTORY)
    try:
        refuse_protected([*_parts_below(base, parent), name], shown)
        _refuse_identities(base, parent, shown)
        if old is None:
            _refuse_dangling(parent, name, shown)
        _put(parent, name, data, old)
    finally:
        os.close(parent)


def _existing(base: int, path: str, shown: str) -> tuple[str, os.stat_result] | None:
    """The real path below `base` of the file that is replaced, and what it is like; None when there is none."""
    try:
        fd = open_beneath(base, path, O_PATH)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    try:
        info = os.fstat(fd)
        if stat.S_ISDIR(info.st_mode):
            raise ForkError(f"{shown} is a directory")
        if not stat.S_ISREG(info.st_mode):
            raise ForkError(f"{shown} is not a regular file")
        if not info.st_mode & 0o222:
            raise ForkError(f"{shown} is read-only", "change its mode with a command first, if that is meant")
        return "/".join(_parts_below(base, fd)), info
    finally:
        os.close(fd)


def _parts_below(base: int, fd: int) -> list[str]:
    root, path = real_path(base).rstrip("/"), real_path(fd)
    if path == (root or "/"):
        return []
    if not path.startswith(root + "/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    return path[len(root) + 1 :].split("/")


def refuse_protected(parts: Sequence[str], shown: str) -> None:
    """Refuse a path (its components below a root) that lies in `.git` or `.fork`, in whatever spelling."""
    plain = [part.translate(_IGNORED).casefold().rstrip(". ") for part in parts]
    in_notes = len(parts) > 2 and list(parts[:2]) == [".fork", "notes"]
    if in_notes:
        plain = plain[2:]
    for part in plain:
        if part in _PROTECTED or part == "git~1":
            raise _refused(shown, "fork" if part == ".fork" else "git")


def _refused(shown: str, whose: str) -> ForkError:
    if whose == "fork":
        return ForkError(f"{shown} is fork's own record and is not written by tools", "notes go to .fork/notes/")
    return ForkError(
        f"{shown} belongs to git and is not written by tools", "use git commands, which the user is asked for"
    )


def _refuse_identities(base: int, parent: int, shown: str) -> None:
    """Refuse a parent that is `.git` or `.fork`, or below one, under another name (such as a bind mount)."""
    if ".git" in real_path(base).casefold().split("/"):
        raise _refused(shown, "git")  # an added directory may itself be a git directory
    git_data = _git_data(real_path(base))
    if "." in git_data:
        raise _refused(shown, "git")  # the work tree is its own git directory
    protected = {_identity(base, name): name for name in (*git_data, *_PROTECTED)}
    notes = _identity(base, ".fork/notes")
    top = os.fstat(base)
    fd = os.dup(parent)
    try:
        for _ in range(os.pathconf("/", "PC_PATH_MAX")):
            info = os.fstat(fd)
            here = (info.st_dev, info.st_ino)
            if here in {notes, (top.st_dev, top.st_ino)}:
                return
            if here in protected:
                raise _refused(shown, "fork" if protected[here] == ".fork" else "git")
            above = os.open("..", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = above
            if os.path.samestat(info, os.fstat(fd)):
                return
    finally:
        os.close(fd)


def _git_data(root: str) -> list[str]:
    """Where `.git` says that git's data lies, as far as it lies beneath `root`; relative to it."""
    places = git_places(Path(root))
    found = () if places is None else (places.git_dir, places.common_dir)
    return [str(path.relative_to(root)) for path in found if path.is_relative_to(root)]


def _identity(base: int, path: str) -> tuple[int, int] | None:
    try:
        fd = open_beneath(base, path, O_PATH)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        return info.st_dev, info.st_ino
    finally:
        os.close(fd)


def _refuse_dangling(parent: int, name: str, shown: str) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise ForkError(f"{shown} is a symbolic link to nothing", "remove it first, or write to where it points")


def _put(parent: int, name: str, data: bytes, old: os.stat_result | None) -> None:
    temporary = f".fork-{secrets.token_hex(8)}.tmp"
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        fd = os.open(temporary, _TEMP, 0o666 if old is None else 0o600, dir_fd=directory)
        try:
            _fill(fd, data, old)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        finally:
            os.close(fd)
        os.fsync(directory)
    finally:
        os.close(directory)


def _fill(fd: int, data: bytes, old: os.stat_result | None) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    if old is not None:
        with suppress(PermissionError):  # another's file in a directory of ours becomes ours, as with any editor
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(fd, old.st_uid, old.st_gid)
        os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)
    os.fsync(fd)

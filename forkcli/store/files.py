"""Small file operations that the store is made of: private, durable, and blind to symbolic links.

It never follows a symbolic link in a file's last component, never leaves a half-written file under its final name, and
turns every operating-system error into one sentence of kind STORAGE.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forkcli.errors import ForkError, Kind

_WHY = {
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.EIO: "the device reports an input/output error",
    errno.EFBIG: "the file would grow beyond the allowed size",
    errno.ELOOP: "it is a symbolic link",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.EISDIR: "it is a directory",
}
_HINTS = {
    errno.ENOSPC: "free some space and go on with `fork -c`",
    errno.EDQUOT: "free some space and go on with `fork -c`",
    errno.EROFS: "fork keeps everything it does in `.fork`, so it needs a project it can write to",
    errno.EACCES: "check who owns the file and its folder",
    errno.ELOOP: "fork follows no symbolic links in its own files; move it away",
}


def storage_error(path: Path | str, error: OSError) -> ForkError:
    """The one sentence for a file that could not be written or made."""
    why = _WHY.get(error.errno or 0) or (error.strerror or str(error)).lower()
    hint = _HINTS.get(error.errno or 0)
    return ForkError(f"cannot save `{path}`: {why}", *([hint] if hint else []), kind=Kind.STORAGE)


LARGEST_TEXT = 128 << 20  # bytes of a file that is shown whole


@contextmanager
def saving(path: Path | str) -> Iterator[None]:
    """Turn an OSError inside into a ForkError about `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a regular file, opened without following a symbolic link; a new file gets mode 0600."""
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return fd


def read_private(path: Path, limit: int = -1) -> bytes:
    """At most `limit` bytes of a regular file, all of it without one. Raises OSError."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read(limit)


def read_text(path: Path, limit: int = LARGEST_TEXT) -> str:
    """A regular file to be shown to a person. Raises OSError, also for one of more than `limit` bytes."""
    data = read_private(path, limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit >> 20} MiB")
    return data.decode("utf-8", "replace")


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however many calls it takes. What a failure leaves behind is the caller's to cut back."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def append_whole(fd: int, data: bytes) -> None:
    """Append `data` whole or not at all: a short or failed write is cut back. `fd` is opened with O_APPEND."""
    before = os.fstat(fd).st_size
    try:
        written = os.write(fd, data)
        if written < len(data):
            # The second call says why the first one stopped (no space, a limit), or finishes the work.
            write_all(fd, data[written:])
    except OSError:
        with suppress(OSError):  # what stays is a torn tail, which readers pass over; the cause is what is told
            os.ftruncate(fd, before)
        raise


def append_file(path: Path, data: bytes) -> None:
    """Append to a private file, whole or not at all."""
    if not data:
        return
    with saving(path):
        fd = open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            append_whole(fd, data)
        finally:
            os.close(fd)


def replace_file(path: Path, chunks: Iterable[bytes], *, durable: bool = True) -> None:
    """Create or replace a private file atomically: temp, fsync, rename, fsync of the folder."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with saving(path):
        with suppress(FileNotFoundError):
            temp.unlink()
        fd = open_private(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            try:
                for chunk in chunks:
                    write_all(fd, chunk)
                if durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
            temp.rename(path)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise
        if durable:
            sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def claim_folder(folder: Path) -> bool:
    """Make `folder`, mode 0700; False if it is there already, whoever made it. Raises ForkError(STORAGE)."""
    with saving(folder):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return False
        sync_folder(folder.parent)
    return True


def own_folder(folder: Path, *, make: bool = True) -> None:
    """Make sure that `folder` is a real directory of this user's, mode 0700 if it is made here.

    Raises ForkError(STORAGE) for a symbolic link, for anything that is no directory, and for another user's directory.
    """
    with saving(folder):
        if make:
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                pass
            else:
                sync_folder(folder.parent)
        found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise ForkError(
            f"`{folder}` is a symbolic link, and fork keeps its files in real folders alone",
            "move it away; fork makes its own",
            kind=Kind.STORAGE,
        )
    if not stat.S_ISDIR(found.st_mode):
        raise ForkError(f"`{folder}` is not a folder", "move it away; fork makes its own", kind=Kind.STORAGE)
    if found.st_uid != os.geteuid():
        raise ForkError(
            f"`{folder}` belongs to user {found.st_uid}, and fork runs as user {os.geteuid()}",
            "run fork as its owner, or move it away",
            kind=Kind.STORAGE,
        )

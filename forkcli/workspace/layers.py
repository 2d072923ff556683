"""Where the changed files of forks lie, and how they are removed.

A fork's layers folder is under its own folder in `.fork`; what the kernel does not take there lies in the user's
state directory, under a name that is computed from the folder's. Nothing outside of these two is ever removed.
Invariant: removing needs no more rights than making did, whatever the fork did to modes and depths.
"""

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from forkcli.errors import ForkError, Kind
from forkcli.workspace.gitdirs import read_small
from forkcli.workspace.looking import is_real_dir
from forkcli.workspace.secrets import homes

_RECORD = "fork.json"
_MOST = 1024 * 1024
_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def elsewhere(layers: Path, environ: Mapping[str, str]) -> Path | None:
    """The place for the layers of this folder in the user's state directory; None where there is no such directory."""
    bases = [Path(environ.get("XDG_STATE_HOME", ""))] + [home / ".local/state" for home in homes(environ)]
    base = next((base for base in bases if base.is_absolute()), None)
    digest = hashlib.sha256(os.fsencode(layers)).hexdigest()[:24]
    return None if base is None else Path(os.path.realpath(base)) / "fork" / "layers" / digest


def make(folder: Path) -> None:
    """Make a directory and its parents, for the user alone. Raises ForkError(STORAGE), also for a link to one."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ForkError(f"{folder} could not be made: {error.strerror}", kind=Kind.STORAGE) from error
    refuse_link(folder)


def refuse_link(folder: Path) -> None:
    """Raises ForkError(STORAGE) for a link in the place of a directory: what is written in it would go elsewhere."""
    if folder.is_symlink():
        raise ForkError(f"`{folder}` is a symbolic link, and no fork's files are kept behind one", kind=Kind.STORAGE)


def read_record(layers: Path) -> dict[str, Any]:
    """What was written when the layers were made; empty when there are none yet. Raises ForkError for a broken one."""
    data = read_small(layers / _RECORD, _MOST)
    if not data:
        return {}
    try:
        record = json.loads(data)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ForkError(f"{layers / _RECORD} is damaged, so the files of this fork cannot be shown")
    return record


def write_record(layers: Path, record: Mapping[str, object], *, sync: bool = True) -> None:
    """Write down what the layers are, once they are complete. Raises ForkError(STORAGE).

    Without `sync` a power cut may lose it, for what would be found out again the same.
    """
    place = layers / _RECORD
    aside = layers / f".{_RECORD}.{secrets.token_hex(4)}"
    try:
        with aside.open("x", encoding="ascii") as file:
            json.dump(record, file)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        aside.replace(place)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ForkError(f"{place} could not be written: {error.strerror}", kind=Kind.STORAGE) from error


def remove(layers: Path, environ: Mapping[str, str] | None = None) -> None:
    """Remove a fork's layers for good. Its workspace must have been closed. Raises ForkError when something is left."""
    away = elsewhere(layers, os.environ if environ is None else environ)
    for folder in (layers, away):
        if folder is not None and is_real_dir(folder):
            try:
                _remove_tree(folder)
            except OSError as error:
                raise ForkError(f"{folder} could not be removed: {error.strerror}", kind=Kind.STORAGE) from error


def clear(folder: Path) -> None:
    """Remove a directory and all in it, if there is one. Raises OSError."""
    if is_real_dir(folder):
        _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    """Empty the directory and remove it. No link is followed.

    Directories within directories are moved up to the top before they are emptied, so that depth costs neither
    descriptors nor path length; the kernel's own directories of an overlay have no permission bits until they get some.
    """
    parent = os.open(folder.parent, _PATH)
    try:
        with _opened(parent, folder.name) as top:
            while names := _names(top):
                for name in names:
                    _remove_entry(top, name)
        os.rmdir(folder.name, dir_fd=parent)
    finally:
        os.close(parent)


def _remove_entry(top: int, name: str) -> None:
    if not _is_directory(top, name):
        os.unlink(name, dir_fd=top)
        return
    with _opened(top, name) as inner:
        for entry in _names(inner):
            if not _is_directory(inner, entry):
                os.unlink(entry, dir_fd=inner)
                continue
            with _opened(inner, entry):  # to move a directory one must be allowed to write into it
                os.rename(entry, f"{secrets.token_hex(12)}", src_dir_fd=inner, dst_dir_fd=top)
    os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_directory(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


@contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    """A descriptor of a directory that its owner may list and change."""
    place = os.open(name, _PATH, dir_fd=folder)
    try:
        if os.fstat(place).st_mode & 0o700 != 0o700:
            with suppress(PermissionError):  # another's: perhaps its bits suffice as they are
                Path(f"/proc/self/fd/{place}").chmod(0o700)
        fd = os.open(".", _READ, dir_fd=place)
    finally:
        os.close(place)
    try:
        yield fd
    finally:
        os.close(fd)

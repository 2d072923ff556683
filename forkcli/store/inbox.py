"""The inbox of one agent: messages as files, read where they lie, never moved or removed.

Only regular files are read, no symbolic link is followed, and no message makes the process hold more than its head and
tail. A message is handed out once: the history names the files that are done. `<number>-<from>.md` says who wrote it;
any other name is from the user.
"""

import os
import re
import stat
from collections.abc import Container, Iterable
from pathlib import Path

from forkcli.core.ids import is_agent_id
from forkcli.errors import ForkError
from forkcli.store.data import measure, shortened
from forkcli.store.files import open_private, own_folder, replace_file, saving

MESSAGE_LIMIT = 1 << 20  # bytes; of a larger file only the head and the tail are read
TAKE_LIMIT = 64  # messages handed out at a time; the rest waits for the next step
TAKE_CHARS = 100_000  # their text in all, but for the one that goes beyond it: about an eighth of a window
FROM_LIMIT = 256  # messages of one sender that are looked through, the newest
HIGHEST = 99_999_999  # numbers above come from elsewhere, and are not counted on from
_NAME = re.compile(r"(\d{1,9})-([a-z0-9]{1,8})\.md")
_JOB = re.compile(r"j[1-9]\d{0,5}")

Stamp = tuple[int, int, int]  # inode, size, time of change: a file that was written anew is another message


def sender_of(name: str) -> str:
    """Who wrote the message in a file of this name."""
    found = _NAME.fullmatch(name)
    if found and (is_agent_id(found[2]) or _JOB.fullmatch(found[2])):
        return found[2]
    return "user"


class Inbox:
    """The message files of one agent. `done` are the names that its history holds already."""

    def __init__(self, folder: Path, project: Path, done: Iterable[str] = ()) -> None:
        self._folder = folder
        self._project = project
        self._seen: dict[str, Stamp] = {}
        known = set(done)
        for name, stamp in self._files():
            if name in known:
                self._seen[name] = stamp

    def take(self) -> list[tuple[str, str, str]]:
        """New messages as (sender, text, file name), oldest first. Files that cannot be read yet are left alone."""
        new = [(name, stamp) for name, stamp in self._files() if self._seen.get(name) != stamp]
        messages = []
        new.sort(key=lambda item: (item[1][2], _number(item[0]), item[0]))
        size = 0
        for name, stamp in new[:TAKE_LIMIT]:
            if size > TAKE_CHARS:
                break
            text = self._read(name)
            if text is not None:
                size += len(text)
                self._seen[name] = stamp
                messages.append((sender_of(name), text, name))
        return messages

    def done(self, names: Iterable[str]) -> None:
        """The named files, as they are now, are in the history."""
        wanted = set(names) - self._seen.keys()
        if wanted:
            self._seen.update((name, stamp) for name, stamp in self._files() if name in wanted)

    def _files(self) -> list[tuple[str, Stamp]]:
        """Regular files that hold something and whose names are not hidden."""
        found = []
        try:
            with os.scandir(self._folder) as items:
                for item in items:
                    status = item.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and status.st_size and not item.name.startswith("."):
                        found.append((item.name, (status.st_ino, status.st_size, status.st_mtime_ns)))
        except FileNotFoundError:
            return []
        return found

    def _read(self, name: str) -> str | None:
        path = self._folder / name
        try:
            fd = open_private(path, os.O_RDONLY)
        except OSError:
            return None
        with os.fdopen(fd, "rb") as file:
            return shortened(measure(file, path, MESSAGE_LIMIT), self._project)


def unread(folder: Path, done: Container[str]) -> int:
    """How many messages wait in an inbox; `done` are the names of those that were read."""
    try:
        with os.scandir(folder) as items:
            return sum(
                not item.name.startswith(".") and item.name not in done and item.is_file(follow_symlinks=False)
                for item in items
            )
    except FileNotFoundError:
        return 0


def messages_from(folder: Path, sender: str) -> dict[str, str]:
    """The newest messages of one sender that lie in an inbox, read or not: file name and text, oldest first."""
    found = {}
    try:
        names = sorted((item.name for item in folder.iterdir() if sender_of(item.name) == sender), key=_number)
    except FileNotFoundError:
        return {}
    for name in names[-FROM_LIMIT:]:
        try:
            fd = open_private(folder / name, os.O_RDONLY)
        except OSError:
            continue
        with os.fdopen(fd, "rb") as file:
            text = file.read(MESSAGE_LIMIT).decode("utf-8", "replace")
        if text:  # an empty one is being written
            found[name] = text
    return found


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def put_message(folder: Path, sender: str, text: str) -> Path:
    """Put a message into an inbox, whole or not at all, under the next free number. Raises ForkError(STORAGE)."""
    own_folder(folder)
    data = text.encode("utf-8", "replace")
    with saving(folder):
        numbers = (_number(item.name) for item in folder.iterdir())
        number = max((number for number in numbers if number <= HIGHEST), default=0)
        while True:
            number += 1
            path = folder / f"{number:04d}-{sender}.md"
            try:
                # The empty file reserves the name (readers pass it over); the message then replaces it whole.
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                continue
            break
    try:
        replace_file(path, [data])
    except ForkError:
        path.unlink(missing_ok=True)
        raise
    return path

"""The input history: a file only its owner can read, in prompt_toolkit's format. A history that cannot be read or
written is no reason to stop: it then lasts as long as the process."""

import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

LONGEST = 32_768  # characters of one entry that is kept
MOST = 1_000_000  # bytes at the file's end that are read


class PrivateHistory(FileHistory):
    """A FileHistory with mode 0600 that takes any text and any file."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """Entries of the file, newest first."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - MOST))
                data = file.read(MOST)
        except OSError:
            return []
        entries: list[list[str]] = []
        fresh = True
        for line in data.decode("utf-8", "replace").split("\n"):
            if not line.startswith("+"):
                fresh = True
                continue
            if fresh:
                entries.append([])
            fresh = False
            entries[-1].append(line[1:])
        return ["\n".join(lines) for lines in reversed(entries)]

    def store_string(self, string: str) -> None:
        """Add an entry at the end of the file."""
        if len(string) > LONGEST:
            return
        record = "\n" + "".join(f"+{line}\n" for line in string.split("\n"))
        try:
            self._path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.parent.mkdir(mode=0o700, exist_ok=True)  # apart: `parents` leaves the mode to the umask
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, record.encode("utf-8", "replace"))
            finally:
                os.close(handle)
        except OSError:
            return  # the entry is still in memory

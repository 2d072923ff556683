"""Data that is too long for a context: kept whole in a file, told by its head, its tail, its size and its path.

Memory stays bounded whatever the source's size. What is kept is byte for byte what came; only what is told is decoded.
"""

import os
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from forkcli.core.messages import quoted
from forkcli.errors import ForkError
from forkcli.store.files import replace_file

DATA_LIMIT = 16 * 1024  # bytes that still go into the context whole
HEAD_BYTES = 6 * 1024
TAIL_BYTES = 2 * 1024
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Kept:
    """Data that was read to its end. Up to DATA_LIMIT bytes `head` is all of it, and no file was made."""

    path: Path | None
    size: int  # bytes
    lines: int | None  # None: not counted
    head: bytes
    tail: bytes
    valid_utf8: bool

    @property
    def whole(self) -> bool:
        """Whether `head` is everything."""
        return len(self.head) == self.size

    @property
    def binary(self) -> bool:
        """Whether it is no text to show: a NUL stands in what would be shown."""
        return b"\0" in self.head or b"\0" in self.tail


def keep_data(source: Iterable[bytes] | BinaryIO, path: Path) -> Kept:
    """Read `source` to its end; what is longer than DATA_LIMIT goes to the file `path`, whole.

    Raises ForkError: kind FAILED if the source cannot be read, kind STORAGE if the file cannot be written.
    """
    meter = _Meter()
    chunks = meter.through(_chunks(source))
    held = []
    for chunk in chunks:
        held.append(chunk)
        if meter.size > DATA_LIMIT:
            break
    else:
        return meter.kept(None)
    replace_file(path, _chain(held, chunks))
    return meter.kept(path)


def measure(file: BinaryIO, path: Path, limit: int) -> Kept:
    """What keep_data would tell of a file that is there already; of one over `limit` bytes only the ends are read."""
    size = os.fstat(file.fileno()).st_size
    meter = _Meter()
    if size <= limit:
        for _ in meter.through(_chunks(file)):
            pass
        return meter.kept(path)
    head = file.read(HEAD_BYTES)
    file.seek(-TAIL_BYTES, os.SEEK_END)
    return Kept(path, size, None, _head(head), _tail(file.read(TAIL_BYTES)), valid_utf8=True)


def shortened(kept: Kept, project: Path) -> str:
    """The data as text: whole, or its head and tail and where it lies. Undecodable bytes are replaced."""
    if kept.whole and not kept.binary:
        return kept.head.decode("utf-8", "replace")
    told = f"{_sizes(kept)}, whole in {_relative(kept.path, project)}" if kept.path else _sizes(kept)
    if kept.binary:
        return f"[binary data, not shown: {told}]"
    left_out = kept.size - len(kept.head) - len(kept.tail)
    head, tail = kept.head.decode("utf-8", "replace"), kept.tail.decode("utf-8", "replace")
    gap = "" if head.endswith("\n") else "\n"
    return f"{head}{gap}[… {left_out:,} bytes left out of {told} …]\n{tail}"


def data_block(kept: Kept, project: Path) -> str:
    """The text by which the context tells of the data, in fork's own tag; the data cannot close or forge it."""
    about = [f'bytes="{kept.size}"']
    if kept.lines is not None:
        about.append(f'lines="{kept.lines}"')
    if kept.path:
        about.append(f'path="{quoted(_relative(kept.path, project))}"')
    if not kept.valid_utf8 and not kept.binary:
        about.append('encoding="not UTF-8, undecodable bytes are replaced"')
    return f"<data {' '.join(about)}>\n{quoted(shortened(kept, project)).rstrip()}\n</data>"


def prompt_bytes(text: str) -> bytes:
    """A prompt's bytes as they were given: bytes that an argument could not decode come back as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def kept_chunks(kept: Kept) -> Iterator[bytes]:
    """All of the data again, in pieces."""
    if kept.path is None:
        yield kept.head
        return
    with kept.path.open("rb") as file:
        yield from _chunks(file)


class _Meter:
    """Measures what flows through it; holds the first DATA_LIMIT and the last TAIL_BYTES bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._newlines = 0
        self._start = bytearray()
        self._end = b""
        self._decoder = getincrementaldecoder("utf-8")()
        self._valid = True

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._feed(chunk)
            yield chunk

    def _feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._newlines += chunk.count(b"\n")
        self._start += chunk[: DATA_LIMIT - len(self._start)]
        self._end = (self._end + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        if self._valid:
            self._valid = self._decodes(chunk, final=False)

    def kept(self, path: Path | None) -> Kept:
        valid = self._valid and self._decodes(b"", final=True)
        lines = self._newlines + (1 if self._end and not self._end.endswith(b"\n") else 0)
        if self.size <= DATA_LIMIT:
            return Kept(path, self.size, lines, bytes(self._start), b"", valid)
        head = _head(bytes(self._start[:HEAD_BYTES]))
        return Kept(path, self.size, lines, head, _tail(self._end), valid)

    def _decodes(self, chunk: bytes, *, final: bool) -> bool:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        return True


def _chunks(source: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    """The source in pieces, none of them empty."""
    read = getattr(source, "read", None)
    pieces = iter(lambda: read(_CHUNK), b"") if read is not None else iter(source)
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except OSError as error:
            raise ForkError(f"cannot read the data: {(error.strerror or str(error)).lower()}") from error
        if piece:
            yield piece


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    first.clear()
    yield from rest


def _head(data: bytes) -> bytes:
    """Cut at the last line's end if that costs less than half, else at a character's."""
    end = data.rfind(b"\n") + 1
    if end > len(data) // 2:
        return data[:end]
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] >= 0xC0:  # the first byte of a character that may not be all there
            wanted = 2 if data[-back] < 0xE0 else 3 if data[-back] < 0xF0 else 4
            return data[:-back] if back < wanted else data
        if data[-back] < 0x80:
            break
    return data


def _tail(data: bytes) -> bytes:
    """Begin after the first line's end if that costs less than half, else at a character's beginning."""
    start = data.find(b"\n") + 1
    if 0 < start <= len(data) // 2:
        return data[start:]
    for skip in range(min(4, len(data))):
        if data[skip] & 0xC0 != 0x80:
            return data[skip:]
    return data


def _relative(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _sizes(kept: Kept) -> str:
    lines = "" if kept.lines is None else f" in {kept.lines:,} line{'' if kept.lines == 1 else 's'}"
    return f"{kept.size:,} bytes{lines}"

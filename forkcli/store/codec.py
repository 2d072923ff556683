"""One entry as one line of a history, and back.

A line is `{"seq":…,"at":…,"type":…,<fields>,"crc32":"xxxxxxxx"}`. The checksum covers the bytes of the object as it
would be without that last member, so reading checks bytes and serialises nothing. Fields equal to their default may be
missing; unknown fields are ignored. It never touches a file. Invariant: `decode(encode(entry)) == entry`.
"""

import json
import re
from typing import Any
from zlib import crc32

from forkcli.core.entries import BODY_TYPES, HISTORY_VERSION, Agent, Body, Entry
from forkcli.core.ids import Seq
from forkcli.core.messages import dump
from forkcli.errors import ForkError, Kind
from forkcli.store.shapes import MOST, WrongShapeError, from_json, to_json

_TYPES: dict[str, type[Body]] = {cls.TYPE: cls for cls in BODY_TYPES}
_SEAL = re.compile(rb',"crc32":"([0-9a-f]{8})"\}\Z')
LONGEST_LINE = 128 << 20  # bytes; no API takes a request of that size, so what is longer was not written by fork
_SEAL_LENGTH = len(b',"crc32":"01234567"}')


class DamagedLineError(ForkError):
    """A line that cannot be read as an entry; `reason` says why."""

    def __init__(self, line_no: int, reason: str) -> None:
        super().__init__(f"line {line_no} is damaged: {reason}")
        self.line_no = line_no
        self.reason = reason


def encode(entry: Entry) -> bytes:
    """The entry's line, newline included. Raises ForkError(STORAGE) for what JSON cannot hold."""
    try:
        body = dump({"seq": entry.seq, "at": entry.at, "type": entry.body.TYPE, **to_json(entry.body)})
    except (ValueError, RecursionError) as error:
        raise ForkError(
            f"cannot save a `{entry.body.TYPE}` entry: its content is nested too deeply or holds too long a number",
            kind=Kind.STORAGE,
        ) from error
    if len(body) > LONGEST_LINE - _SEAL_LENGTH:
        raise ForkError(
            f"cannot save a `{entry.body.TYPE}` entry: it is longer than {LONGEST_LINE >> 20} MiB", kind=Kind.STORAGE
        )
    return body[:-1] + b',"crc32":"%08x"}\n' % crc32(body)


def decode(line: bytes, line_no: int) -> Entry:
    """The entry of a line, with or without its newline.

    Raises DamagedLineError, or a plain ForkError when a newer version of fork wrote the history.
    """
    line = line.removesuffix(b"\n")
    _check_seal(line, line_no)
    try:
        record = json.loads(line.decode())  # an object, since the seal ends in a brace
    except (ValueError, RecursionError) as error:
        raise DamagedLineError(line_no, "it is not JSON in UTF-8") from error
    return _entry(record, line_no)


def is_sealed(line: bytes) -> bool:
    """Whether a line ends as a whole line does, whatever its checksum says."""
    return _SEAL.search(line.removesuffix(b"\n")[-_SEAL_LENGTH:]) is not None


def _check_seal(line: bytes, line_no: int) -> None:
    seal = _SEAL.search(line[-_SEAL_LENGTH:])
    if seal is None:
        raise DamagedLineError(line_no, "it has no checksum at its end")
    if crc32(b"}", crc32(memoryview(line)[:-_SEAL_LENGTH])) != int(seal[1], 16):
        raise DamagedLineError(line_no, "its checksum does not match")


def _entry(record: Any, line_no: int) -> Entry:
    seq, at, name = record.get("seq"), record.get("at"), record.get("type")
    if type(seq) is not int or not 1 <= seq < MOST or not isinstance(at, str):
        raise DamagedLineError(line_no, "it has no number or no time")
    body_type = _TYPES.get(name) if isinstance(name, str) else None
    if body_type is None:
        raise DamagedLineError(line_no, f"its type {name!r:.60} is unknown")
    if body_type is Agent:
        _check_version(record.get("v"))
    try:
        return Entry(Seq(seq), at, from_json(body_type, record))
    except WrongShapeError as error:
        raise DamagedLineError(line_no, str(error)) from error


def _check_version(version: Any) -> None:
    if type(version) is int and version > HISTORY_VERSION:
        raise ForkError(
            f"this history has format {version}, and this fork reads formats up to {HISTORY_VERSION}",
            "a newer version of fork wrote it: upgrade with `pip install --upgrade forkcli`",
        )

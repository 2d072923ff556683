"""Whether overlays work here, with their changed files in a given place: tried once for each file system.

It tries what a fork will do, in a directory that it makes and removes again. Invariant: an empty answer means that a
file was written, replaced, removed and a directory replaced in such a view, by this process.
"""

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from forkcli.errors import ForkError
from forkcli.workspace.layers import make, remove
from forkcli.workspace.probe import phrase
from forkcli.workspace.upper import touched
from forkcli.workspace.view import Layer, Plan, open_view

_NAME = ".probe-"
_OLD_S = 3600.0
_known: dict[int, str] = {}
_lock = Lock()


def forget_overlay() -> None:
    """Try again next time."""
    with _lock:
        _known.clear()


def why_no_overlay(place: Path, environ: Mapping[str, str]) -> str:
    """Empty when the layers of a fork can lie in this existing directory, else the reason in a phrase."""
    device = place.stat().st_dev
    with _lock:
        if device not in _known:
            _sweep(place)
            _known[device] = _try(place / f"{_NAME}{secrets.token_hex(6)}", environ)
        return _known[device]


def _sweep(place: Path) -> None:
    """Remove what a killed process left of its try long ago."""
    with suppress(OSError, ForkError):
        for left in place.glob(f"{_NAME}*"):
            if time.time() - left.lstat().st_mtime > _OLD_S:
                remove(left, {})


def _try(folder: Path, environ: Mapping[str, str]) -> str:
    try:
        for name in ("root/.fork", "root/replaced", "root/removed", "upper", "work"):
            make(folder / name)
        (folder / "root/file").write_text("old", "ascii")
        (folder / "root/gone").write_text("old", "ascii")
        root = folder / "root"
        plan = Plan(root, (Layer(root, folder / "upper", folder / "work", (root,)),))
        holder = open_view(plan, environ)
        try:
            _use(Path(f"/proc/{holder.pid}/root{root}"))
        finally:
            holder.close()
        found = {(one.path, one.what) for one in touched(folder / "upper")}
    except ForkError as error:
        return phrase(error.sentence)
    except OSError as error:
        return f"{error.strerror or error}"
    finally:
        remove(folder, {})
    wanted = {(b"file", "written"), (b"gone", "gone"), (b"removed", "gone"), (b"replaced", "emptied")}
    if not wanted <= found or (root / "file").exists():
        return "the file system cannot hold an overlay's changes"
    return ""


def _use(root: Path) -> None:
    (root / "file").write_text("new", "ascii")
    (root / "gone").unlink()
    (root / "removed").rmdir()
    (root / "replaced").rmdir()
    (root / "replaced").mkdir()
    (root / "new").write_text("new", "ascii")
    (root / "new").rename(root / "moved")
    if os.path.lexists(root / "gone") or (root / "file").read_text("ascii") != "new":
        raise ForkError("the file system cannot hold an overlay's changes")

"""What was learned about endpoints, kept across processes in the user's cache directory, never in the project.

Invariant: it is only a memory. A file that is missing, damaged or cannot be written costs a request, never a failure.
"""

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from forkcli.core.messages import Json
from forkcli.engine.ports import ModelLimits
from forkcli.models.caps import Caps, caps_from_json

VERSION = 1
KEPT_S = 30 * 86_400  # a server that was brought up to date may take more than it did
MOST_ENTRIES = 200
MOST_BYTES = 1 << 20


def cache_file() -> Path | None:
    """`$XDG_CACHE_HOME/fork/endpoints.json`, or beneath `~/.cache`; None where there is no home.

    A relative `XDG_CACHE_HOME` counts for nothing (the standard says so): it would lie in the project.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "fork" / "endpoints.json" if base.is_absolute() else None


@dataclass(slots=True)
class EndpointMemory:
    """Capabilities and sizes by endpoint and model. With no file it lasts as long as the process."""

    file: Path | None
    _known: dict[str, Json] | None = None

    def caps(self, key: str) -> Caps | None:
        """What the endpoint was found to take."""
        return caps_from_json(self._entry(key).get("caps"))

    def limits(self, key: str) -> ModelLimits | None:
        """The sizes that the endpoint told."""
        value = self._entry(key).get("limits")
        if not isinstance(value, dict):
            return None
        window, most = value.get("window"), value.get("max_output")
        if isinstance(window, int) and isinstance(most, int) and window > 0 and most > 0:
            return ModelLimits(window, most)
        return None

    def asked(self, key: str) -> bool:
        """Whether the endpoint was asked for the sizes not long ago, whatever it said."""
        return "limits" in self._entry(key)

    def learn_caps(self, key: str, caps: Caps) -> None:
        """Remember what the endpoint takes."""
        self._learn(key, {"caps": caps.to_json()})

    def learn_limits(self, key: str, limits: ModelLimits | None) -> None:
        """Remember the sizes that the endpoint told, or that it told none."""
        self._learn(key, {"limits": asdict(limits) if limits else None})

    def _entry(self, key: str) -> Json:
        if self._known is None:
            self._known = _read(self.file)
        entry = self._known.get(key, {})
        at = entry.get("at")
        return entry if isinstance(at, int | float) and 0 <= time.time() - at < KEPT_S else {}

    def _learn(self, key: str, news: Json) -> None:
        entry = {"at": time.time(), **self._entry(key), **news}
        known = {**(self._known or {}), **_read(self.file), key: entry}
        newest = sorted(known, key=lambda k: _age(known[k]))[:MOST_ENTRIES]
        self._known = {name: known[name] for name in newest}
        _write(self.file, self._known)


def _age(entry: Json) -> float:
    at = entry.get("at")
    return -float(at) if isinstance(at, int | float) else 0.0


def _read(file: Path | None) -> dict[str, Json]:
    """The entries in the file; none when it is not what this version writes."""
    try:
        if file is None or file.stat().st_size > MOST_BYTES:
            return {}
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict) or value.get("v") != VERSION or not isinstance(value.get("endpoints"), dict):
        return {}
    return {name: entry for name, entry in value["endpoints"].items() if isinstance(entry, dict)}


def _write(file: Path | None, known: dict[str, Json]) -> None:
    """Replace the file in one step. That it cannot be written is of no consequence: it is only a memory."""
    if file is None:
        return
    temporary = None
    try:
        file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.mkdir(mode=0o700, exist_ok=True)  # apart: `parents` leaves the mode to the umask
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".endpoints-", delete=False) as out:
            temporary = Path(out.name)
            json.dump({"v": VERSION, "endpoints": known}, out, indent=1, sort_keys=True)
        temporary.replace(file)
    except OSError:
        if temporary is not None:
            _forget(temporary)


def _forget(file: Path) -> None:
    try:
        file.unlink()
    except OSError:
        return

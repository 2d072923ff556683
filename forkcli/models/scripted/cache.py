"""The provider's prompt cache, by its documented rules: the oracle for what is said about cached tokens.

- An entry is the hash of the whole prefix that ends at a marked block; nothing is written elsewhere.
- A read walks back from each mark over at most 20 positions (the mark is the first) to the longest live entry.
- An entry can be read once its writer's answer has begun. It lives 5 minutes or an hour from the start of the request
  that wrote it, or of the last one that read it or a longer prefix.
- A prefix shorter than the model's minimum is silently not cached.
- Another model, key, set of betas or tool invalidates everything; another thinking, effort, tool_choice, or the first
  or last image invalidates the messages. Naming a default equals leaving it out.

Tokens are bytes of compact JSON over four: figures for comparing requests, not those of a real tokenizer. Its clock is
handed in; it does no I/O.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forkcli.core.messages import Json
from forkcli.models.scripted.catalog import ModelInfo
from forkcli.models.scripted.parts import Part, dump, has_images, parts_of

BYTES_PER_TOKEN = 4
LOOK_BACK = 20
TTL_S = {"5m": 300.0, "1h": 3600.0}
_DEFAULTS = {"tool_choice": {"type": "auto"}, "service_tier": "auto", "speed": "standard"}


@dataclass(slots=True)
class _Entry:
    ttl: str
    expires: float


@dataclass(frozen=True, slots=True)
class Look:
    """What a request finds and will write. Sizes in tokens."""

    read: int
    written_5m: int
    written_1h: int
    uncached: int
    at: float  # start of the request on the cache's clock
    writes: tuple[tuple[bytes, str], ...]  # hash of the prefix, ttl

    @property
    def total(self) -> int:
        """All of the prompt."""
        return self.read + self.written_5m + self.written_1h + self.uncached

    @property
    def usage(self) -> Json:
        """The input side of the API's usage."""
        return {
            "input_tokens": self.uncached,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
            "service_tier": "standard",
        }


class Cache:
    """All entries of one server. `look` when a request arrives, `commit` when its answer begins."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[bytes, _Entry] = {}

    def look(
        self,
        request: Json,
        model: ModelInfo,
        *,
        key: str = "",
        betas: Sequence[str] = (),
        parts: list[Part] | None = None,
    ) -> Look:
        """Price a request, and refresh the entries that it reads. `parts` are its parts where they are at hand."""
        now = self._clock()
        parts = parts_of(request) if parts is None else parts
        chain = _chain(request, parts, model, key, betas)
        ends = _prefix_tokens(parts)
        marks = [(i, ttl) for i, ttl in _marks(request, parts) if ends[i] >= model.min_cached]
        hit = self._longest_hit(chain, [i for i, _ in marks], now)
        if hit >= 0:
            self._refresh(chain[: hit + 1], now)
        a = ends[hit] if hit >= 0 else 0
        b = max([a, *(ends[i] for i, ttl in marks if ttl == "1h")])
        c = max([b, *(ends[i] for i, _ in marks)])
        total = ends[-1] if ends else 0
        return Look(a, c - b, b - a, total - c, now, tuple((chain[i], ttl) for i, ttl in marks))

    def commit(self, look: Look) -> None:
        """The answer has begun: what the request wrote can be read from now on."""
        for digest, ttl in look.writes:
            old = self._entries.get(digest)
            longer = max(ttl, old.ttl if old else ttl, key=TTL_S.__getitem__)
            expires = look.at + TTL_S[longer]
            self._entries[digest] = _Entry(longer, max(expires, old.expires if old else expires))

    def forget(self) -> None:
        """Drop all entries, as if every one had expired."""
        self._entries.clear()

    def _longest_hit(self, chain: list[bytes], marks: list[int], now: float) -> int:
        """Index of the last part of the longest live prefix that the marks can see; -1 for none."""
        seen = (i for mark in marks for i in range(mark, max(mark - LOOK_BACK, -1), -1) if self._alive(chain[i], now))
        return max(seen, default=-1)

    def _alive(self, digest: bytes, now: float) -> bool:
        entry = self._entries.get(digest)
        return entry is not None and now < entry.expires

    def _refresh(self, digests: list[bytes], now: float) -> None:
        for digest in digests:
            entry = self._entries.get(digest)
            if entry and now < entry.expires:
                entry.expires = max(entry.expires, now + TTL_S[entry.ttl])


def tokens_of(parts: list[Part]) -> int:
    """Tokens of a request with these parts."""
    return sum(part.size for part in parts) // BYTES_PER_TOKEN


def _prefix_tokens(parts: list[Part]) -> list[int]:
    total, ends = 0, []
    for part in parts:
        total += part.size
        ends.append(total // BYTES_PER_TOKEN)
    return ends


def _chain(request: Json, parts: list[Part], model: ModelInfo, key: str, betas: Sequence[str]) -> list[bytes]:
    """For each part the hash of the prefix that ends with it."""
    running = hashlib.sha256(dump([model.id, key, sorted(betas), _setting(request, "speed")]))
    settings = dump([_message_settings(request, model), has_images(parts)])
    level, chain = "", []
    for part in parts:
        if part.level != level:
            level = part.level
            running.update(f"\n{level}\n".encode() + (settings if level == "messages" else b""))
        running.update(part.role.encode() + b":" + part.data + b"\n")
        chain.append(running.digest())
    return chain


def _setting(request: Json, name: str) -> object:
    value = request.get(name)
    return None if value == _DEFAULTS.get(name) else value


def _message_settings(request: Json, model: ModelInfo) -> Json:
    """What invalidates the messages when it changes."""
    thinking = request.get("thinking")
    if model.always_thinks and thinking == {"type": "adaptive"}:
        thinking = None
    output = dict(request.get("output_config") or {})
    if "effort" in output and output["effort"] == model.effort:
        del output["effort"]
    return {"thinking": thinking, "output": output, "tool_choice": _setting(request, "tool_choice")}


def _marks(request: Json, parts: list[Part]) -> list[tuple[int, str]]:
    """Indexes of the marked parts with their ttl; the automatic mark stands on the last part that can hold one."""
    marks = {i: part.mark for i, part in enumerate(parts) if part.mark}
    automatic = request.get("cache_control")
    if automatic:
        last = max((i for i, part in enumerate(parts) if can_hold_mark(part)), default=-1)
        if last >= 0:
            marks.setdefault(last, automatic)
    return [(i, str(mark.get("ttl", "5m"))) for i, mark in sorted(marks.items())]


def can_hold_mark(part: Part) -> bool:
    """Whether a cache mark may stand on the part: not on thinking, not on empty text."""
    kind = part.block.get("type")
    return kind not in {"thinking", "redacted_thinking"} and not (kind == "text" and not part.block.get("text"))

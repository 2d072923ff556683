"""What a fork shares with its relatives in the prompt cache: where the marks go, how long to wait, what went wrong.

From histories alone.
"""

from datetime import UTC, datetime

from forkcli.core.context import Context
from forkcli.core.entries import Assistant, Entry, ModelChange
from forkcli.core.history import BYTES_PER_TOKEN, History
from forkcli.core.messages import dump

CACHE_LIVES_S = 300.0  # how long the endpoint keeps a prefix that nobody reads
SMALL = 1000  # tokens that each sibling may as well write by itself
WORTH = 10_000  # tokens that are worth a request of their own to be kept
SLACK = 400  # tokens of a past that may be read again without a word
MOST_PINS = 2


def fork_pins(history: History) -> tuple[tuple[int, int], ...]:
    """The cache marks that a fork has in common with its siblings, and with those of its parent: (message, block).

    Each stands on the last block that they share. They stay in every request, so that forks which are woken after the
    cache has forgotten them write their past once for all of them.
    """
    pins = []
    ended = len(history.messages)
    for shared in reversed(history.head.bounds):
        if 0 < shared < ended:
            ended = shared
            last = history.messages[ended].last_lent
            pins.append((ended, last) if last >= 0 else (ended - 1, -1))
    return tuple(pins[:MOST_PINS])


def asleep_s(past: History, now: datetime) -> float:
    """Seconds since the newest request of this past left; 0 for a past without an answer."""
    entry = _newest(past)
    return 0.0 if entry is None else max((now - _left(entry)).total_seconds(), 0.0)


def kept_prefix(history: History) -> Context:
    """What the newest request of a history sent, or all that is sealed: what its next request finds in the cache."""
    context = history.context()
    messages = context.messages
    while messages and messages[-1].role == "assistant":
        messages = messages[:-1]
    return Context(context.system, context.tools, messages)


def cached_tokens(history: History, *, own: bool = False) -> int:
    """What the cache holds for this history's next request, as its newest answer told; 0 where no cache is kept.

    `own`: without what it shares with its parent.
    """
    entry = _newest(history)
    if entry is None or not isinstance(entry.body, Assistant) or _model_changed(history):
        return 0
    usage = entry.body.usage
    above = _newest(history, own=False) if own else None
    shared = above.body.usage.prompt_tokens if above is not None and isinstance(above.body, Assistant) else 0
    return max(usage.cache_read_input_tokens + usage.cache_creation_input_tokens - shared, 0)


def _model_changed(history: History) -> bool:
    """Whether another model answers next than the one that did last: its cache holds nothing of this."""
    newest = (entry.body for entry in reversed(history.entries) if isinstance(entry.body, Assistant | ModelChange))
    return isinstance(next(newest, None), ModelChange)


def fresh_tokens(past: History) -> int:
    """Estimate of what no request of this past has held yet: its newest answer, and the results since."""
    entry = _newest(past)
    written = entry.body.usage.output_tokens if entry is not None and isinstance(entry.body, Assistant) else 0
    results = [call.result.content for call in past.calls.values() if call.result is not None]
    return written + len(dump(results)) // BYTES_PER_TOKEN


def cache_alarm(history: History) -> str | None:
    """Why the first request of a fork was read from the cache so little, in a sentence; None if it was not."""
    first, above = _first(history), _newest(history, own=False)
    if first is None or above is None or history.own_steps != 1:
        return None
    body, before = first.body, above.body
    if not isinstance(body, Assistant) or not isinstance(before, Assistant) or body.cut:
        return None
    past, read = before.usage.prompt_tokens, body.usage.cache_read_input_tokens
    if read + SLACK >= past:
        return None
    why = _why(before, (_left(first) - _left(above)).total_seconds())
    return f"only {read:,} of the {past:,} tokens that it shares were read from the cache: {why}"


def _why(before: Assistant, slept_s: float) -> str:
    used = before.usage
    if not used.cache_read_input_tokens and not used.cache_creation_input_tokens:
        return "the endpoint keeps no cache, or does not say so"
    if slept_s >= CACHE_LIVES_S:
        return f"they were last sent {slept_s / 60:.0f} minutes before, and it forgets them after five"
    return "the endpoint had not kept them"


def _newest(history: History, *, own: bool = True) -> Entry | None:
    """The newest answer; not `own`: the newest before the fork."""
    skipped = 0 if own else len(history.entries.own)
    for place, entry in enumerate(reversed(history.entries)):
        if place >= skipped and isinstance(entry.body, Assistant):
            return entry
    return None


def _first(history: History) -> Entry | None:
    """A fork's own first answer."""
    return next((entry for entry in history.entries.own if isinstance(entry.body, Assistant)), None)


def _left(entry: Entry) -> datetime:
    """When the request of an answer left."""
    ms = entry.body.ms if isinstance(entry.body, Assistant) else 0
    ended = datetime.fromisoformat(entry.at)
    return datetime.fromtimestamp(ended.astimezone(UTC).timestamp() - ms / 1000, UTC)

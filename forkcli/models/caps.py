"""What an endpoint takes of the Messages API.

Pure; what is left out after a refusal is decided in `lessons.py`. Invariant: a default `Caps` takes everything.
"""

from dataclasses import dataclass
from typing import Literal

from forkcli.core.messages import Json
from forkcli.models import catalog

Marks = Literal["all", "text", "none"]


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be sent to one model at one endpoint."""

    thinking: bool = True  # the `thinking` parameter
    effort: bool = True  # `output_config.effort`
    marks: Marks = "all"  # on which blocks cache marks may stand
    system_blocks: bool = True  # `system` as a list of blocks, else one string
    thinking_blocks: bool = True  # thinking of earlier answers goes back
    old_version: bool = False  # the API version before the current one
    max_tokens: int | None = None  # the largest `max_tokens` it takes, where it told

    def to_json(self) -> Json:
        """As a JSON object; only what differs from a full endpoint."""
        full = Caps()
        return {name: value for name in _NAMES if (value := getattr(self, name)) != getattr(full, name)}


_NAMES = ("thinking", "effort", "marks", "system_blocks", "thinking_blocks", "old_version", "max_tokens")
FULL = Caps()
LEAST = Caps(thinking=False, effort=False, marks="none", system_blocks=False, thinking_blocks=False)


def caps_from_json(value: object) -> Caps | None:
    """Capabilities as `to_json` wrote them; None for anything else."""
    if not isinstance(value, dict) or not set(value) <= set(_NAMES):
        return None
    flags = {name: v for name, v in value.items() if name not in {"marks", "max_tokens"}}
    limit = value.get("max_tokens")
    sound = all(isinstance(v, bool) for v in flags.values()) and value.get("marks", "all") in {"all", "text", "none"}
    if not sound or not (limit is None or (isinstance(limit, int) and limit > 0)):
        return None
    return Caps(**value)


def default_caps(*, first_party: bool, model: str) -> Caps:
    """What to send before anything is known: all to Anthropic's own API, elsewhere what nearly every server takes.

    A gateway to a Claude model gets all cache marks: without them every step would silently cost the full price.
    """
    if first_party:
        return FULL
    return Caps(thinking=False, marks="all" if catalog.is_claude(model) else "text")


_WORDS = {
    "thinking": "thinking",
    "effort": "effort",
    "marks": "cache marks",
    "thinking_blocks": "earlier thinking",
    "max_tokens": "a part of max_tokens",
}


def left_out(before: Caps, after: Caps) -> list[str]:
    """In words, what requests go without now; nothing of what makes no difference to a person."""
    return [word for name, word in _WORDS.items() if getattr(before, name) != getattr(after, name)]

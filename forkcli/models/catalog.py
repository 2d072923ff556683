"""The models that fork knows without asking: their sizes, their ways of thinking, and short names for them.

Pure; it never asks an endpoint (`limits.py` does). Invariant: every short name and the default model are in the table.
"""

import re
from dataclasses import dataclass

from forkcli.engine.ports import ModelLimits
from forkcli.models.names import ALIASES, DEFAULT_MODEL, full_name

__all__ = [
    "ALIASES",
    "DEFAULT_MODEL",
    "EFFORTS",
    "GUESS",
    "MODELS",
    "ModelFacts",
    "bare",
    "built_in_limits",
    "facts",
    "full_name",
    "is_claude",
    "takes_effort",
    "thinks_adaptively",
]

GUESS = ModelLimits(window=200_000, max_output=32_000, known=False)
EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model; sizes in tokens."""

    window: int
    max_output: int
    adaptive: bool = True  # takes `thinking: {"type": "adaptive"}`
    effort: bool = True  # takes `output_config.effort`


_LARGE = ModelFacts(1_000_000, 128_000)
MODELS = {
    "claude-opus-5-5": _LARGE,
    "claude-sonnet-5-5": _LARGE,
    "claude-haiku-5-5": _LARGE,
    "claude-fable-5-2": _LARGE,
    "claude-fable-5-1": _LARGE,
    "claude-fable-5": _LARGE,
    "claude-mythos-5-2": _LARGE,
    "claude-mythos-5-1": _LARGE,
    "claude-mythos-5": _LARGE,
    "claude-opus-5": _LARGE,
    "claude-sonnet-5": ModelFacts(1_000_000, 128_000),
    "claude-opus-4-8": ModelFacts(1_000_000, 128_000),
    "claude-opus-4-7": ModelFacts(1_000_000, 128_000),
    "claude-opus-4-6": ModelFacts(1_000_000, 128_000),
    "claude-sonnet-4-6": ModelFacts(1_000_000, 64_000),
    "claude-opus-4-5": ModelFacts(200_000, 64_000, adaptive=False, effort=False),
    "claude-sonnet-4-5": ModelFacts(200_000, 64_000, adaptive=False, effort=False),
    "claude-haiku-4-5": ModelFacts(200_000, 64_000, adaptive=False, effort=False),
}
_DATED = re.compile(r"-\d{8}$")
_BEFORE_ADAPTIVE = re.compile(r"claude-(?:[23]|(?:opus|sonnet|haiku)-4(?:-[0-5])?$)")


def bare(model: str) -> str:
    """The name in the table: in full, without a gateway's prefix (`anthropic/…`) and without a date."""
    return _DATED.sub("", full_name(model).rsplit("/", 1)[-1].lower().replace(".", "-"))


def facts(model: str) -> ModelFacts | None:
    """What is known of the model; None for one that is not in the table."""
    return MODELS.get(bare(model))


def is_claude(model: str) -> bool:
    """Whether the name is one of the Claude models, also behind a gateway."""
    return bare(model).startswith("claude-")


def thinks_adaptively(model: str) -> bool:
    """Whether the model takes adaptive thinking; a Claude newer than the table is taken to."""
    known = facts(model)
    if known is not None:
        return known.adaptive
    return is_claude(model) and not _BEFORE_ADAPTIVE.match(bare(model))


def takes_effort(model: str) -> bool:
    """Whether the model takes an effort; one that is not in the table is taken to (a refusal is learned from)."""
    known = facts(model)
    return known.effort if known is not None else not _BEFORE_ADAPTIVE.match(bare(model))


def built_in_limits(model: str) -> ModelLimits:
    """The model's sizes from the table, or a careful guess."""
    known = facts(model)
    return ModelLimits(known.window, known.max_output) if known is not None else GUESS

"""The sizes of a model in what an endpoint says about it: Anthropic's model card, or what other servers send.

Pure. Invariant: a size is only believed when it is a plausible number of tokens.
"""

from forkcli.core.messages import Json
from forkcli.engine.ports import ModelLimits
from forkcli.models import catalog

_WINDOW = ("max_input_tokens", "max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")
_OUTPUT = ("max_tokens", "max_output_tokens", "max_completion_tokens")
_SMALLEST, _LARGEST = 512, 100_000_000


def limits_from_card(card: object, model: str) -> ModelLimits | None:
    """The sizes in a model card; None when it tells no window. An output size that it does not tell is estimated."""
    if not isinstance(card, dict):
        return None
    meta = card.get("meta")
    window = _size(card, _WINDOW) or (_size(meta, _WINDOW) if isinstance(meta, dict) else None)
    if window is None:
        return None
    output = _size(card, _OUTPUT)
    if output is None:
        output = min(catalog.built_in_limits(model).max_output, max(1, window // 4))
    return ModelLimits(window, min(output, window))


def _size(card: Json, names: tuple[str, ...]) -> int | None:
    for name in names:
        value = card.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and _SMALLEST <= value <= _LARGEST:
            return value
    return None

"""The models that the scripted server has, with the rules that differ between them.

Sizes and rules follow the public documentation of November 2026. It holds no prices, and it is not the table that the
product works with: the server must not agree with the product by construction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from forkcli.core.messages import Json

EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. Sizes in tokens. A name without known rules gets these lenient defaults."""

    id: str
    line: str = "opus"
    window: int = 200_000
    max_output: int = 64_000
    min_cached: int = 1024  # a shorter prefix is silently not cached
    effort: str | None = "high"  # the default: naming it equals leaving it out; None: it takes none
    thinking: tuple[str, ...] = ("adaptive", "between_tools", "enabled", "disabled")  # what it takes as thinking.type
    always_thinks: bool = False  # then `adaptive` equals leaving `thinking` out
    binds_thinking: bool = True  # a thinking block is bound to the exact prefix before it
    forced_tools: bool = True  # tool_choice `any` and `tool`
    prefill: bool = True  # the conversation may end with an assistant message
    sampling: bool = True  # temperature, top_p, top_k
    system_role: bool = True  # `system` messages inside `messages`

    @property
    def listing(self) -> Json:
        """The model as `GET /v1/models/{id}` shows it."""
        takes = self.effort is not None
        kinds = {kind: {"supported": kind in self.thinking} for kind in ModelInfo("").thinking}
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.id.replace("-", " ").title(),
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": "active",
            "deprecated_at": None,
            "retires_at": None,
            "line": self.line,
            "max_input_tokens": self.window,
            "max_tokens": self.max_output,
            "capabilities": {
                "image_input": {"supported": True},
                "effort": {"supported": takes, **{level: {"supported": takes} for level in EFFORTS}},
                "thinking": {"supported": True, "types": kinds},
            },
        }


_NEW = ModelInfo(
    "",
    window=1_000_000,
    max_output=128_000,
    min_cached=512,
    thinking=("adaptive",),
    always_thinks=True,
    forced_tools=False,
    prefill=False,
    sampling=False,
)
_FIVE = replace(_NEW, thinking=("adaptive", "disabled"), always_thinks=False, binds_thinking=False, forced_tools=True)
_OLD = replace(_FIVE, thinking=ModelInfo("").thinking, prefill=True, sampling=True, system_role=False)

CATALOG: dict[str, ModelInfo] = {
    model.id: model
    for model in (
        replace(_NEW, id="claude-opus-5-5", effort="medium"),
        replace(_NEW, id="claude-sonnet-5-5", line="sonnet", thinking=("adaptive", "between_tools")),
        replace(
            _NEW,
            id="claude-haiku-5-5",
            line="haiku",
            effort="medium",
            thinking=("adaptive", "disabled"),
            always_thinks=False,
            forced_tools=True,
        ),
        replace(_NEW, id="claude-fable-5-2", line="fable"),
        replace(_NEW, id="claude-fable-5-1", line="fable"),
        replace(_FIVE, id="claude-opus-5"),
        replace(_FIVE, id="claude-sonnet-5", line="sonnet", min_cached=1024),
        replace(_FIVE, id="claude-opus-4-8", min_cached=1024),
        replace(_FIVE, id="claude-opus-4-7", min_cached=2048, system_role=False),
        replace(_OLD, id="claude-opus-4-6", min_cached=4096, prefill=False),
        replace(_OLD, id="claude-sonnet-4-6", line="sonnet", min_cached=1024, prefill=False),
        replace(
            _OLD, id="claude-haiku-4-5", line="haiku", effort=None, min_cached=4096, window=200_000, max_output=64_000
        ),
    )
}


def catalog(models: Sequence[str | ModelInfo] | None) -> dict[str, ModelInfo]:
    """The models to serve by id: all known ones for None; a name without known rules gets lenient ones."""
    if models is None:
        return dict(CATALOG)
    given = (CATALOG.get(m) or ModelInfo(m) if isinstance(m, str) else m for m in models)
    return {model.id: model for model in given}

"""The API's own checks of a request, as errors of its shapes and nearly its words. Pure.

It refuses what the real API is documented or known to refuse, so that a product that passes here is not stopped there.
It does not check what takes the real tokenizer, or what the contents of images and documents are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forkcli.core.messages import Json
from forkcli.models.scripted.blocks import check_block
from forkcli.models.scripted.cache import can_hold_mark, tokens_of
from forkcli.models.scripted.catalog import EFFORTS, ModelInfo
from forkcli.models.scripted.parts import Part, parts_of
from forkcli.models.scripted.refusal import RefusalError, among, need
from forkcli.models.scripted.rules import Paused, check_messages
from forkcli.models.scripted.script import blocks_of
from forkcli.models.scripted.signatures import check_signatures

_FIELDS = frozenset(
    {"model", "messages", "max_tokens", "system", "tools", "tool_choice", "stream", "thinking", "output_config"}
    | {"metadata", "stop_sequences", "temperature", "top_p", "top_k", "service_tier", "cache_control", "diagnostics"}
    | {"container", "inference_geo", "speed"}
)
_BETA_FIELDS = frozenset({"context_management", "mcp_servers", "thread", "fallbacks", "compaction"})
_TOOL_FIELDS = frozenset(
    {"type", "name", "description", "input_schema", "cache_control", "strict", "eager_input_streaming"}
    | {"input_examples", "defer_loading", "allowed_callers"}
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
MAX_MARKS = 4


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that is fine: the model that it is for, and its parts."""

    model: ModelInfo
    parts: list[Part]


def check_request(
    request: Any, models: Mapping[str, ModelInfo], *, betas: Sequence[str] = (), paused: Paused = lambda _: False
) -> Admitted:
    """What the request comes to. Raises RefusalError for what the API would refuse."""
    need(isinstance(request, dict), "Input should be a valid dictionary")
    _check_fields(request, betas)
    model = find_model(request, models)
    _check_size(request, model)
    _check_system(request.get("system"))
    _check_tools(request.get("tools"))
    _check_settings(request, model)
    check_messages(request.get("messages"), model, paused)
    parts = parts_of(request)
    _check_marks(request, parts)
    check_signatures(parts, bound=model.binds_thinking)
    tokens = tokens_of(parts)
    need(tokens <= model.window, f"prompt is too long: {tokens} tokens > {model.window} maximum")
    return Admitted(model, parts)


def check_shape(request: Any) -> None:
    """Refuse only what cannot be read at all: for a server that checks nothing."""
    messages = request.get("messages") if isinstance(request, dict) else None
    need(isinstance(messages, list), "messages: Input should be a valid list")
    for i, message in enumerate(messages or []):
        content = message.get("content") if isinstance(message, dict) else None
        fine = isinstance(content, str) or (isinstance(content, list) and all(isinstance(b, dict) for b in content))
        need(fine and isinstance(message.get("role"), str), f"messages.{i}: Input should be a role and content")


def find_model(request: Json, models: Mapping[str, ModelInfo]) -> ModelInfo:
    """The model a request names."""
    name = request.get("model")
    need(isinstance(name, str) and name, "model: Field required")
    if name not in models:
        raise RefusalError(f"model: {name}", 404)
    return models[str(name)]


def _check_fields(request: Json, betas: Sequence[str]) -> None:
    for name in request:
        known = name in _FIELDS or (name in _BETA_FIELDS and betas)
        need(known, f"{name}: Extra inputs are not permitted")
    need("messages" in request, "messages: Field required")
    need(isinstance(request.get("stream", False), bool), "stream: Input should be a valid boolean")


def _check_size(request: Json, model: ModelInfo) -> None:
    size = request.get("max_tokens")
    need(size is not None, "max_tokens: Field required")
    need(isinstance(size, int) and not isinstance(size, bool), "max_tokens: Input should be a valid integer")
    limit, size = model.max_output, int(size or 0)
    need(size >= 0, "max_tokens: Input should be greater than or equal to 0")
    need(
        size <= limit,
        f"max_tokens: {size} > {limit}, which is the maximum allowed number of output tokens for {model.id}",
    )
    if size == 0:
        need(
            not (request.get("stream") or _asks_much(request)),
            "max_tokens: 0 cannot be combined with stream, enabled thinking, a forced tool or an output format",
        )


def _asks_much(request: Json) -> bool:
    """Whether a request asks for what an empty answer cannot give."""
    values = [request.get(name) for name in ("thinking", "tool_choice", "output_config")]
    thinking, choice, output = (value if isinstance(value, dict) else {} for value in values)
    return thinking.get("type") == "enabled" or among(choice.get("type"), ("any", "tool")) or "format" in output


def _check_system(system: Any) -> None:
    need(system is None or isinstance(system, str | list), "system: Input should be a valid string or list")
    for i, block in enumerate(blocks_of(system or [])):
        check_block(block, "system", f"system.{i}")


def _check_tools(tools: Any) -> None:
    need(tools is None or isinstance(tools, list), "tools: Input should be a valid list")
    names = []
    for i, tool in enumerate(tools or []):
        where = f"tools.{i}"
        need(isinstance(tool, dict), f"{where}: Input should be a valid dictionary")
        need(tool.get("type", "custom") == "custom", f"{where}: Input tag '{tool.get('type')}' is not served here")
        for name in tool:
            need(name in _TOOL_FIELDS, f"{where}.custom.{name}: Extra inputs are not permitted")
        name, schema = tool.get("name"), tool.get("input_schema")
        pattern = f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        need(isinstance(name, str) and _TOOL_NAME.fullmatch(name), pattern)
        need(isinstance(schema, dict), f"{where}.custom.input_schema: Field required")
        kind = schema.get("type") if isinstance(schema, dict) else None
        need(kind == "object", f"{where}.custom.input_schema.type: Input should be 'object'")
        names.append(name)
    need(len(set(names)) == len(names), "tools: Tool names must be unique.")


def _check_settings(request: Json, model: ModelInfo) -> None:
    if not model.sampling:
        for name in ("temperature", "top_p", "top_k"):
            need(name not in request, f"`{name}` is deprecated for this model.")
    _check_thinking(request.get("thinking"), model)
    _check_output(request.get("output_config"), model)
    choice = request.get("tool_choice")
    need(choice is None or isinstance(choice, dict), "tool_choice: Input should be a valid dictionary")
    kind = (choice or {}).get("type", "auto")
    need(
        among(kind, ("auto", "any", "tool", "none")), f"tool_choice: Input tag '{kind}' does not match any expected tag"
    )
    need(among(kind, ("auto", "none")) or model.forced_tools, f"tool_choice: '{kind}' is not supported on this model")


def _check_thinking(thinking: Any, model: ModelInfo) -> None:
    if thinking is None:
        return
    need(isinstance(thinking, dict), "thinking: Input should be a valid dictionary")
    kind = thinking.get("type")
    need(among(kind, model.thinking), f'"thinking.type.{kind}" is not supported for this model.')
    for name in thinking:
        known = name in {"type", "display", "budget_tokens", "block_binding"}
        need(known, f"thinking.{kind}.{name}: Extra inputs are not permitted")
    display = thinking.get("display", "omitted")
    need(among(display, ("summarized", "omitted")), "thinking.display: Input should be 'summarized' or 'omitted'")


def _check_output(output: Any, model: ModelInfo) -> None:
    need(output is None or isinstance(output, dict), "output_config: Input should be a valid dictionary")
    for name in output or {}:
        need(name in {"effort", "format", "task_budget"}, f"output_config.{name}: Extra inputs are not permitted")
    effort = (output or {}).get("effort")
    need(effort is None or model.effort, "This model does not support the effort parameter.")
    need(effort is None or among(effort, EFFORTS), f"output_config.effort: Input should be one of {EFFORTS}")


def _check_marks(request: Json, parts: Sequence[Part]) -> None:
    """At most four cache marks, of known kinds, where marks may stand, the longer-lived before the shorter."""
    marked = [part for part in parts if part.mark]
    automatic = request.get("cache_control")
    count = len(marked) + bool(automatic)
    need(count <= MAX_MARKS, f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {count}.")
    for part in marked:
        need(can_hold_mark(part), f"{part.where}: cache_control cannot be set here")
        check_mark(part.mark, f"{part.where}.cache_control")
    if automatic:
        check_mark(automatic, "cache_control")
        last = next((p for p in reversed(parts) if can_hold_mark(p)), None)
        same = last is None or not last.mark or last.mark.get("ttl", "5m") == automatic.get("ttl", "5m")
        need(same, "cache_control: the last block has a cache_control with another ttl")
    lives = [str((part.mark or {}).get("ttl", "5m")) for part in marked]
    need(lives == sorted(lives), "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")


def check_mark(mark: Any, where: str) -> None:
    """Refuse a cache mark of an unknown kind."""
    need(isinstance(mark, dict) and mark.get("type") == "ephemeral", f"{where}.type: Input should be 'ephemeral'")
    need(among(mark.get("ttl", "5m"), ("5m", "1h")), f"{where}.ttl: Input should be '5m' or '1h'")
    for name in mark:
        need(name in {"type", "ttl"}, f"{where}.{name}: Extra inputs are not permitted")

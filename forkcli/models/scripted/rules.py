"""The rules for a run of messages: roles, emptiness, and that every call of a tool is answered in the next message.

Pure. Consecutive user messages are one turn; `paused` says which assistant messages were cut short by the server
(`pause_turn`) and may therefore end the conversation or be followed by another assistant message.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from forkcli.core.messages import Block, Json, calls_of
from forkcli.models.scripted.blocks import check_block
from forkcli.models.scripted.catalog import ModelInfo
from forkcli.models.scripted.refusal import RefusalError, among, need
from forkcli.models.scripted.script import blocks_of

_ROLES = ("user", "assistant", "system")
Paused = Callable[[list[Block]], bool]


def check_messages(messages: Any, model: ModelInfo, paused: Paused) -> None:
    """Refuse messages that the API would refuse."""
    need(isinstance(messages, list), "messages: Input should be a valid list")
    need(messages, "messages: at least one message is required")
    for i, message in enumerate(messages):
        _check_message(message, f"messages.{i}", last=i == len(messages) - 1)
    _check_roles(messages, model, paused)
    _check_calls(messages)
    need(
        model.prefill or messages[-1]["role"] != "assistant" or paused(blocks_of(messages[-1]["content"])),
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    )


def _check_message(message: Any, where: str, *, last: bool) -> None:
    need(isinstance(message, dict), f"{where}: Input should be a valid dictionary")
    for name in message:
        need(name in {"role", "content"}, f"{where}.{name}: Extra inputs are not permitted")
    role = message.get("role")
    need(among(role, _ROLES), f"{where}.role: Input should be 'user' or 'assistant'")
    need("content" in message, f"{where}.content: Field required")
    content = message["content"]
    need(isinstance(content, str | list), f"{where}.content: Input should be a valid string or list")
    empty_ok = last and role == "assistant"
    need(
        content or empty_ok,
        f"{where}: all messages must have non-empty content except for the optional final assistant message",
    )
    for k, block in enumerate(blocks_of(content) if content else []):
        check_block(block, role, f"{where}.content.{k}")
    if role == "assistant" and content:
        _check_assistant(blocks_of(content), where, last=last)


def _check_assistant(blocks: list[Block], where: str, *, last: bool) -> None:
    final = blocks[-1]
    need(
        final["type"] not in {"thinking", "redacted_thinking"},
        f"{where}: The final block in an assistant message cannot be `thinking`.",
    )
    if last and final["type"] == "text":
        need(
            final["text"] == final["text"].rstrip(),
            "messages: final assistant content cannot end with trailing whitespace",
        )


def _check_roles(messages: list[Json], model: ModelInfo, paused: Paused) -> None:
    need(messages[0]["role"] == "user", 'messages: first message must use the "user" role')
    for before, after in pairwise(messages):
        pair = (before["role"], after["role"])
        need(
            pair != ("assistant", "assistant") or paused(blocks_of(before["content"])),
            'messages: roles must alternate between "user" and "assistant", '
            'but found multiple "assistant" roles in a row',
        )
        if "system" in pair:
            _check_system(pair, model)


def _check_system(pair: tuple[str, str], model: ModelInfo) -> None:
    need(model.system_role, "messages: role 'system' is not supported on this model")
    need(pair in {("user", "system"), ("system", "assistant")}, "messages: a system message must follow a user message")


def _check_calls(messages: list[Json]) -> None:
    """Every tool_use has exactly one tool_result, at the start of the user turn right after it; no id comes twice."""
    seen: set[str] = set()
    for i, turn in _turns(messages):
        role = turn[0]["role"] if turn else ""
        blocks = [b for m in turn for b in blocks_of(m["content"])]
        if role != "assistant":
            if i == 0:
                _check_results(blocks, [], i)
            continue
        calls = [str(b["id"]) for b in calls_of(blocks)]
        need(len(set(calls)) == len(calls) and not seen & set(calls), f"messages.{i}: `tool_use` ids must be unique")
        seen |= set(calls)
        _check_answers(messages, i + len(turn), calls)


def _turns(messages: list[Json]) -> list[tuple[int, list[Json]]]:
    """Runs of messages of one role, with the index of their first."""
    turns: list[tuple[int, list[Json]]] = []
    for i, message in enumerate(messages):
        if turns and turns[-1][1][0]["role"] == message["role"]:
            turns[-1][1].append(message)
        else:
            turns.append((i, [message]))
    return turns


def _check_answers(messages: list[Json], at: int, calls: list[str]) -> None:
    """The user turn that begins at index `at` answers the calls made just before it, in its first message."""
    turn: list[Json] = []
    for message in messages[at:]:
        if message["role"] != "user":
            break
        turn.append(message)
    first = blocks_of(turn[0]["content"]) if turn else []
    answered = {b["tool_use_id"] for b in first if b["type"] == "tool_result"}
    missing = [c for c in calls if c not in answered]
    if missing and at >= len(messages):
        raise RefusalError(f"messages.{at - 1}: the conversation ends with `tool_use` blocks: {', '.join(missing)}")
    need(
        not missing,
        f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message.",
    )
    _check_results([b for m in turn for b in blocks_of(m["content"])], calls, at)


def _check_results(blocks: list[Block], calls: list[str], at: int) -> None:
    """The results of one user turn: known, single, and before everything else."""
    others, given = False, set()
    for k, block in enumerate(blocks):
        if block["type"] != "tool_result":
            others = True
            continue
        name, where = block["tool_use_id"], f"messages.{at}.content.{k}"
        need(
            name in calls,
            f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each `tool_result` block must "
            "have a corresponding `tool_use` block in the previous message.",
        )
        need(name not in given, f"{where}: each tool_use must have a single result. Found multiple with id: {name}")
        need(not others, f"{where}: `tool_result` blocks must come first in the user message that follows `tool_use`")
        given.add(name)

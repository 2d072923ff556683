"""A reply as the API's stream events, or as one message. Pure; every string delta is cut into chunks."""

import json
from collections.abc import Iterator

from forkcli.core.messages import Block, Json
from forkcli.models.scripted.script import Reply

_EMPTIED: dict[str, Json] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def envelope(message_id: str, model: str, usage: Json | None) -> Json:
    """The message before its content."""
    head: Json = {"id": message_id, "type": "message", "role": "assistant", "model": model, "content": []}
    head |= {"stop_reason": None, "stop_sequence": None}
    return head if usage is None else {**head, "usage": usage}


def whole_message(head: Json, reply: Reply, content: list[Block], usage: Json | None) -> Json:
    """The answer to a request that does not stream."""
    message = {**head, "content": [_finished(b) for b in content], "stop_reason": reply.stop}
    if reply.stop_details is not None:
        message["stop_details"] = reply.stop_details
    return message if usage is None else {**message, "usage": usage}


def _finished(block: Block) -> Block:
    return {key: value for key, value in block.items() if key != "partial_json"}


def stream_events(head: Json, reply: Reply, content: list[Block], usage: Json | None) -> Iterator[tuple[Json, int]]:
    """The events of a streamed answer, each with the characters of model output that it carries."""
    yield {"type": "message_start", "message": head}, 0
    yield {"type": "ping"}, 0
    for index, block in enumerate(content):
        start = {key: value for key, value in block.items() if key != "partial_json"}
        start |= _EMPTIED.get(block["type"], {})
        yield {"type": "content_block_start", "index": index, "content_block": start}, 0
        for delta, size in _deltas(block, reply.chunk_chars):
            yield {"type": "content_block_delta", "index": index, "delta": delta}, size
        yield {"type": "content_block_stop", "index": index}, 0
    stop: Json = {"stop_reason": reply.stop, "stop_sequence": None}
    if reply.stop_details is not None:
        stop["stop_details"] = reply.stop_details
    end: Json = {"type": "message_delta", "delta": stop}
    yield (end if usage is None else {**end, "usage": usage}), 0
    yield {"type": "message_stop"}, 0


def _deltas(block: Block, chunk: int) -> Iterator[tuple[Json, int]]:
    match block["type"]:
        case "text":
            yield from (({"type": "text_delta", "text": t}, len(t)) for t in _chunks(block["text"], chunk))
        case "thinking":
            for text in _chunks(block["thinking"], chunk):
                yield {"type": "thinking_delta", "thinking": text}, len(text)
            yield {"type": "signature_delta", "signature": block["signature"]}, 0
        case "tool_use":
            text = block.get("partial_json") or json.dumps(block["input"], ensure_ascii=False)
            yield {"type": "input_json_delta", "partial_json": ""}, 0
            for piece in _chunks(text, chunk):
                yield {"type": "input_json_delta", "partial_json": piece}, len(piece)


def _chunks(text: str, size: int) -> Iterator[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


def encode(event: Json) -> bytes:
    """One event as it goes over the wire."""
    return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()

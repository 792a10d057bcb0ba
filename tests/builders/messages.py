"""Events of a streamed message, as Anthropic-compatible providers send them."""

import json
from typing import Any

USAGE = {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 3}
"""12 tokens of input, 5 of them from a cache, and 3 of output."""
TOOL = {"name": "look_up", "description": "Look it up.", "input_schema": {"type": "object", "properties": {}}}


def encode_events(*events: dict[str, Any]) -> bytes:
    """Return events with their types as names."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in events)


def message_start(**fields: Any) -> dict[str, Any]:
    """Return the first event of a message."""
    usage = {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "stop_reason": None}
    return {"type": "message_start", "message": {**message, "stop_sequence": None, "usage": usage, **fields}}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a content block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_block(*texts: str, index: int = 0) -> list[dict[str, Any]]:
    """Return the events of a block of text."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def message_end(stop_reason: str = "end_turn", usage: Any = USAGE) -> list[dict[str, Any]]:
    """Return the last events of a message; without usage if that is None."""
    end = {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}}
    return [end if usage is None else {**end, "usage": usage}, {"type": "message_stop"}]


def whole_message(*texts: str) -> bytes:
    """Return a complete stream."""
    return encode_events(message_start(), *text_block(*texts), *message_end())


def message_error(message: str, kind: str = "api_error") -> bytes:
    """Return an error event."""
    return encode_events({"type": "error", "error": {"type": kind, "message": message}})

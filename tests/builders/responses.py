"""Events of a streamed response (OpenAI's Responses), as DashScope sends them."""

import json
from typing import Any

USAGE = {
    "input_tokens": 12,
    "output_tokens": 3,
    "total_tokens": 15,
    "input_tokens_details": {"cached_tokens": 5},
    "output_tokens_details": {"reasoning_tokens": 1},
}
RESPONSE_ID = "resp_1"
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "status": "in_progress"}
REASONING = {"id": "msg_0", "type": "reasoning", "summary": []}


def encode_events(*events: dict[str, Any]) -> bytes:
    """Return events with their types as names."""
    return b"".join(
        b"id:%d\nevent:%b\n:HTTP_STATUS/200\ndata:%b\n\n" % (number, each["type"].encode(), json.dumps(each).encode())
        for number, each in enumerate(events, 1)
    )


def begin() -> list[dict[str, Any]]:
    """Return the events before the first output."""
    response = {"id": RESPONSE_ID, "object": "response", "status": "in_progress", "output": [], "model": ""}
    return [
        {"type": "response.created", "response": response, "sequence_number": 0},
        {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE, "sequence_number": 1},
        {"type": "response.content_part.added", **_PLACE, "part": {"type": "output_text", "text": ""}},
    ]


_PLACE = {"output_index": 0, "content_index": 0, "item_id": MESSAGE["id"]}


def text_delta(text: str) -> dict[str, Any]:
    """Return the event of a piece of text."""
    return {"type": "response.output_text.delta", **_PLACE, "delta": text, "sequence_number": 7}


def end_text(text: str) -> list[dict[str, Any]]:
    """Return the events at the end of the text."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return [
        {"type": "response.output_text.done", **_PLACE, "text": text},
        {"type": "response.content_part.done", **_PLACE, "part": content[0]},
        {"type": "response.output_item.done", "output_index": 0, "item": finished_message(text), "sequence_number": 8},
    ]


def finished_message(text: str) -> dict[str, Any]:
    """Return the item of a text."""
    return {**MESSAGE, "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]}


def complete(text: str, usage: Any = USAGE, status: str = "completed") -> dict[str, Any]:
    """Return the last event of a response."""
    output = [finished_message(text)] if text else []
    response = {"id": RESPONSE_ID, "object": "response", "status": status, "output": output, "usage": usage}
    return {"type": f"response.{status}", "response": response, "sequence_number": 9}


def fail(message: str, code: str = "InternalError") -> dict[str, Any]:
    """Return the event of a response that failed."""
    error = {"message": message, "code": code}
    response = {"id": RESPONSE_ID, "object": "response", "status": "failed", "output": [], "error": error}
    return {"type": "response.failed", "response": response}


def whole_response(*texts: str) -> bytes:
    """Return a complete stream."""
    text = "".join(texts)
    return encode_events(*begin(), *map(text_delta, texts), *end_text(text), complete(text))

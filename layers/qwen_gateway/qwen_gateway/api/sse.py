"""Encode server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable

from qwen_gateway.api.responses import count, error_object, json_text
from qwen_gateway.errors import GatewayError

DONE = b"data: [DONE]\n\n"
"""OpenAI's last event of a complete stream."""


def encode_events(chunks: Iterable[bytes]) -> bytes:
    """Return one event per chunk. A line break inside a chunk is white space of its JSON."""
    return b"".join([b"data: " + chunk.replace(b"\r", b"\n").replace(b"\n", b"\ndata: ") + b"\n\n" for chunk in chunks])


def error_event(error: GatewayError, request_id: str) -> bytes:
    """Return the event for an error after the start of the response, and count the error."""
    count(error, request_id)
    return encode_events([json_text({"error": error_object(error)}).encode()])

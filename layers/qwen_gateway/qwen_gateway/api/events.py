"""A stream's events as a client reads them (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable

from qwen_gateway.api.edge import count, error_object, json_text
from qwen_gateway.errors import GatewayError

DONE = b"data: [DONE]\n\n"
"""OpenAI's last event of a stream that came to its end."""


def framed(chunks: Iterable[bytes]) -> bytes:
    """Return one event for each chunk. A line break in one, of either kind, is blank space of its JSON."""
    return b"".join([b"data: " + chunk.replace(b"\r", b"\n").replace(b"\n", b"\ndata: ") + b"\n\n" for chunk in chunks])


def failure(error: GatewayError, request_id: str) -> bytes:
    """Return the event by which a client learns that its answer failed after the status was sent; count it."""
    count(error, request_id)
    return framed([json_text({"error": error_object(error)}).encode()])

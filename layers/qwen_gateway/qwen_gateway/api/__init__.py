"""The HTTP edge: proxy events in, the wire format of a dialect out.

A function imports the module of its own requests, so that no start loads those of the others.
"""

from qwen_gateway.api.http_errors import HTTP_ERRORS, http_error_for
from qwen_gateway.api.request import MAX_IDLE_S, HttpRequest, api_key_token, client_read_timeout, requested_timeout
from qwen_gateway.api.responses import (
    EventStreamResponse,
    HttpExchange,
    JsonPartsResponse,
    JsonResponse,
    Response,
    count,
)
from qwen_gateway.api.wire_format import ANTHROPIC, OPENAI, ResponsesFormat, WireFormat, error_object

__all__ = [
    "ANTHROPIC",
    "HTTP_ERRORS",
    "MAX_IDLE_S",
    "OPENAI",
    "EventStreamResponse",
    "HttpExchange",
    "HttpRequest",
    "JsonPartsResponse",
    "JsonResponse",
    "Response",
    "ResponsesFormat",
    "WireFormat",
    "api_key_token",
    "client_read_timeout",
    "count",
    "error_object",
    "http_error_for",
    "requested_timeout",
]

"""The HTTP edge: proxy events in, OpenAI's wire format out."""

from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.request import MAX_IDLE_S, HttpRequest, api_key_token, client_read_timeout, requested_timeout
from qwen_gateway.api.responses import (
    DONE,
    HTTP_ERRORS,
    EventStreamResponse,
    HttpExchange,
    JsonResponse,
    encode_events,
    error_event,
    error_object,
    http_error_for,
)

__all__ = [
    "DONE",
    "HTTP_ERRORS",
    "MAX_IDLE_S",
    "ChatRequest",
    "EventStreamResponse",
    "HttpExchange",
    "HttpRequest",
    "JsonResponse",
    "api_key_token",
    "client_read_timeout",
    "encode_events",
    "error_event",
    "error_object",
    "http_error_for",
    "requested_timeout",
]

"""The HTTP edge: proxy events in, OpenAI's wire format out."""

from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.proxy_event import HttpRequest, bearer_token
from qwen_gateway.api.responses import (
    HTTP_ERRORS,
    EventStreamResponse,
    JsonResponse,
    error_object,
    http_error_for,
    serve,
)
from qwen_gateway.api.sse import DONE, encode_events, error_event

__all__ = [
    "DONE",
    "HTTP_ERRORS",
    "ChatRequest",
    "EventStreamResponse",
    "HttpRequest",
    "JsonResponse",
    "bearer_token",
    "encode_events",
    "error_event",
    "error_object",
    "http_error_for",
    "serve",
]

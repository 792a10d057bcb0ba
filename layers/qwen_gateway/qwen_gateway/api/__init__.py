"""The HTTP edge: proxy events in, the wire format of a dialect out."""

from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.embeddings_request import EmbeddingsRequest
from qwen_gateway.api.http_errors import HTTP_ERRORS, http_error_for
from qwen_gateway.api.messages_request import MessagesRequest
from qwen_gateway.api.request import MAX_IDLE_S, HttpRequest, api_key_token, client_read_timeout, requested_timeout
from qwen_gateway.api.responses import (
    EventStreamResponse,
    HttpExchange,
    JsonPartsResponse,
    JsonResponse,
    Response,
    count,
)
from qwen_gateway.api.responses_request import ResponsesRequest
from qwen_gateway.api.wire_format import ANTHROPIC, OPENAI, ResponsesFormat, WireFormat, error_object

__all__ = [
    "ANTHROPIC",
    "HTTP_ERRORS",
    "MAX_IDLE_S",
    "OPENAI",
    "ChatRequest",
    "EmbeddingsRequest",
    "EventStreamResponse",
    "HttpExchange",
    "HttpRequest",
    "JsonPartsResponse",
    "JsonResponse",
    "MessagesRequest",
    "Response",
    "ResponsesFormat",
    "ResponsesRequest",
    "WireFormat",
    "api_key_token",
    "client_read_timeout",
    "count",
    "error_object",
    "http_error_for",
    "requested_timeout",
]

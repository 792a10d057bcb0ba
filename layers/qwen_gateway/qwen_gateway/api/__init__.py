"""The HTTP edge: proxy events in, OpenAI's wire format out."""

from qwen_gateway.api.authorization import bearer_token
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.edge import Served, error_object, serve, told
from qwen_gateway.api.event import HttpRequest

__all__ = ["ChatRequest", "HttpRequest", "Served", "bearer_token", "error_object", "serve", "told"]

"""The HTTP edge: proxy events in, OpenAI's wire format out."""

from qwen_gateway.api.authorization import bearer_token
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.edge import Served, Streamed, error_object, serve, told
from qwen_gateway.api.event import HttpRequest
from qwen_gateway.api.events import DONE, failure, framed

__all__ = [
    "DONE",
    "ChatRequest",
    "HttpRequest",
    "Served",
    "Streamed",
    "bearer_token",
    "error_object",
    "failure",
    "framed",
    "serve",
    "told",
]

"""POST /v1/chat/completions: parse, route, run."""

from typing import Protocol

from qwen_gateway.api import ChatRequest, EventStreamResponse, HttpRequest, JsonResponse
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.errors import ModelUnknown
from qwen_gateway.pricing.request_limits import chat_limits
from qwen_gateway.routing import Target
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations.chat import CHAT

_LARGE_BODY_BYTES = 65_536
"""Parsing a larger body takes more than reading the key, so nobody without a key can cause it."""


class Routes(Protocol):
    """The routes."""

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model name, or raise ModelUnknown."""
        ...


class ChatService:
    """Answers chat calls."""

    def __init__(self, routes: Routes, calls: MeteredCalls) -> None:
        self._routes = routes
        self._calls = calls

    def complete(self, request: HttpRequest, remaining_s: float) -> JsonResponse | EventStreamResponse:
        """Answer a request within the remaining seconds of the invocation.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called, and there is no record.
        """
        call = self._calls.start(request, remaining_s)
        if len(request.body) > _LARGE_BODY_BYTES:
            call.authenticate_unless_known()
        chat = ChatRequest.parse(request.body)
        try:
            targets = self._routes.targets(chat.model)
        except ModelUnknown:
            # It is told to known keys only.
            call.authenticate()
            raise
        routed = RoutedRequest(chat.model, targets, chat.body)
        return call.stream(CHAT, routed, chat_limits) if chat.streams else call.run(CHAT, routed, chat_limits)

"""POST /v1/chat/completions: parse, route, run."""

from qwen_gateway.api import EventStreamResponse, HttpRequest, JsonResponse
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.pricing.chat_limits import chat_limits
from qwen_gateway.routing import Routes
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations.chat import CHAT


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
        call.authenticate_before_parsing()
        chat = ChatRequest.parse(request.body)
        targets = call.route(lambda: self._routes.serving(chat.model, "chat/completions"))
        routed = RoutedRequest(chat.model, targets, chat.body)
        return call.stream(CHAT, routed, chat_limits) if chat.streams else call.run(CHAT, routed, chat_limits)

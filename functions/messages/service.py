"""POST /v1/messages and /v1/messages/count_tokens: parse, route, run."""

from qwen_gateway.api import EventStreamResponse, HttpRequest, JsonResponse
from qwen_gateway.api.messages_request import MessagesRequest
from qwen_gateway.calls import MeteredCall, MeteredCalls
from qwen_gateway.pricing.messages_limits import messages_limits
from qwen_gateway.routing import Routes
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations.messages import COUNT_TOKENS, MESSAGES

_PASSED_HEADERS = ("anthropic-version", "anthropic-beta")
"""What they name changes with each release of the clients; the provider judges it."""


class MessagesService:
    """Answers calls of Anthropic's clients."""

    def __init__(self, routes: Routes, calls: MeteredCalls) -> None:
        self._routes = routes
        self._calls = calls

    def create(self, request: HttpRequest, remaining_s: float) -> JsonResponse | EventStreamResponse:
        """Answer a request for a message within the remaining seconds of the invocation.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called, and there is no record.
        """
        call = self._calls.start(request, remaining_s)
        call.authenticate_before_parsing()
        message = MessagesRequest.parse(request.body)
        routed = self._route(call, message, request)
        if message.streams:
            return call.stream(MESSAGES, routed, messages_limits)
        return call.run(MESSAGES, routed, messages_limits)

    def count_tokens(self, request: HttpRequest, remaining_s: float) -> JsonResponse:
        """Count the tokens of a request within the remaining seconds of the invocation; nothing is billed or recorded.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called.
        """
        call = self._calls.start(request, remaining_s)
        call.authenticate_before_parsing()
        message = MessagesRequest.parse_to_count(request.body)
        return call.run_unmetered(COUNT_TOKENS, self._route(call, message, request))

    def _route(self, call: MeteredCall, message: MessagesRequest, request: HttpRequest) -> RoutedRequest:
        targets = call.route(lambda: self._routes.serving(message.model, "messages"))
        headers = {name: request.headers[name] for name in _PASSED_HEADERS if request.headers.get(name)}
        return RoutedRequest(message.model, targets, message.body, headers=headers)

"""POST /v1/messages and POST /v1/messages/count_tokens."""

import functools
from typing import Any

from qwen_gateway.runtime import EventStream, ProxyResponse, StreamingHandler
from qwen_gateway.startup import Startup

_startup = Startup()

# The threads of the start-up work during these imports.
from messages.service import MessagesService  # noqa: E402
from qwen_gateway.api import ANTHROPIC, HttpExchange  # noqa: E402


@functools.cache
def _service() -> MessagesService:
    return _startup.create_service(MessagesService)


@StreamingHandler
def lambda_handler(event: dict[str, Any], context: Any) -> ProxyResponse | EventStream:
    """Answer one call within the remaining time of the invocation."""
    with HttpExchange(event, ANTHROPIC) as exchange:
        counts = event["resource"].endswith(_COUNT_TOKENS)
        answer = _service().count_tokens if counts else _service().create
        exchange.respond(answer(exchange.request, context.get_remaining_time_in_millis() / 1000))
    return exchange.response


_COUNT_TOKENS = "/count_tokens"
_service()

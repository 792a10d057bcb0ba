"""POST /v1/chat/completions."""

import functools
from typing import Any

from qwen_gateway.runtime import EventStream, ProxyResponse, StreamingHandler
from qwen_gateway.startup import Startup

_startup = Startup()

# The threads of the start-up work during these imports.
from chat.service import ChatService  # noqa: E402
from qwen_gateway.api import HttpExchange  # noqa: E402


@functools.cache
def _service() -> ChatService:
    return _startup.create_service(ChatService)


@StreamingHandler
def lambda_handler(event: dict[str, Any], context: Any) -> ProxyResponse | EventStream:
    """Answer one chat call within the remaining time of the invocation."""
    with HttpExchange(event) as exchange:
        exchange.respond(_service().complete(exchange.request, context.get_remaining_time_in_millis() / 1000))
    return exchange.response


_service()

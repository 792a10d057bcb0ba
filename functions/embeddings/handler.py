"""POST /v1/embeddings."""

import functools
from typing import Any

from qwen_gateway.runtime import EventStream, ProxyResponse, StreamingHandler
from qwen_gateway.startup import Startup

_startup = Startup()

# The threads of the start-up work during these imports.
from embeddings.service import EmbeddingsService  # noqa: E402
from qwen_gateway.api import HttpExchange  # noqa: E402


@functools.cache
def _service() -> EmbeddingsService:
    return _startup.create_service(EmbeddingsService)


@StreamingHandler
def lambda_handler(event: dict[str, Any], context: Any) -> ProxyResponse | EventStream:
    """Embed the rows of one call within the remaining time of the invocation."""
    with HttpExchange(event) as exchange:
        exchange.respond(_service().embed(exchange.request, context.get_remaining_time_in_millis() / 1000))
    return exchange.response


_service()

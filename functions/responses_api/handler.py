"""POST /v1/responses; GET and DELETE /v1/responses/{response_id}; GET /v1/responses/{response_id}/input_items."""

import functools
from typing import Any

from qwen_gateway.runtime import EventStream, ProxyResponse, StreamingHandler
from qwen_gateway.startup import Startup

_startup = Startup()

# The threads of the start-up work during these imports.
from qwen_gateway import aws  # noqa: E402
from qwen_gateway.api import HttpExchange, ResponsesFormat  # noqa: E402
from qwen_gateway.config import environment  # noqa: E402
from qwen_gateway.ledger.stored_responses import StoredResponses  # noqa: E402
from responses_api.service import ResponsesService  # noqa: E402


@functools.cache
def _service() -> ResponsesService:
    stored = StoredResponses(aws.dynamodb(), environment().usage_table)
    return _startup.create_service(lambda routes, calls: ResponsesService(routes, calls, stored))


@StreamingHandler
def lambda_handler(event: dict[str, Any], context: Any) -> ProxyResponse | EventStream:
    """Answer one call within the remaining time of the invocation."""
    with HttpExchange(event, ResponsesFormat()) as exchange:
        service = _service()
        answers = {"POST": service.create, "GET": service.retrieve, "DELETE": service.delete}
        answer = service.list_input if event["resource"].endswith(_INPUT_ITEMS) else answers[event["httpMethod"]]
        exchange.respond(answer(exchange.request, context.get_remaining_time_in_millis() / 1000))
    return exchange.response


_INPUT_ITEMS = "/input_items"
_service()

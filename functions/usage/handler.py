"""GET /v1/usage."""

import functools
from typing import Any

from qwen_gateway import aws
from qwen_gateway.api import HttpExchange
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger.own_usage import OwnUsage
from qwen_gateway.observability import mute_third_party_loggers
from qwen_gateway.runtime import EventStream, ProxyResponse
from usage.service import UsageService


@functools.cache
def _service() -> UsageService:
    names = environment()
    return UsageService(
        OwnUsage(aws.dynamodb(), names.keys_table, names.usage_table), configuration().accounting.currency
    )


def lambda_handler(event: dict[str, Any], _context: Any) -> ProxyResponse | EventStream:
    """Return what the key of the request has used."""
    with HttpExchange(event) as exchange:
        exchange.respond(_service().show(exchange.request))
    return exchange.response


mute_third_party_loggers()
_service()

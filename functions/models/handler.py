"""GET /v1/models and GET /v1/models/{model}."""

import functools
from typing import Any
from urllib.parse import unquote

from models.service import ModelsService
from qwen_gateway import aws
from qwen_gateway.api import HttpExchange
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import ApiKeys
from qwen_gateway.observability import mute_third_party_loggers
from qwen_gateway.routing import Routes
from qwen_gateway.runtime import EventStream, ProxyResponse


@functools.cache
def _service() -> ModelsService:
    return ModelsService(ApiKeys(aws.dynamodb(), environment().keys_table), Routes(configuration()))


def lambda_handler(event: dict[str, Any], _context: Any) -> ProxyResponse | EventStream:
    """List the models, or return the one in the path, whose name may contain slashes."""
    with HttpExchange(event) as exchange:
        request = exchange.request
        name = unquote(request.path_parameters.get("model", "")).rstrip("/")
        exchange.respond(_service().retrieve(request, name) if name else _service().list(request))
    return exchange.response


mute_third_party_loggers()
_service()

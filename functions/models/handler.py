"""GET /v1/models and GET /v1/models/{model}."""

import functools
from typing import Any
from urllib.parse import unquote

from models.service import ModelsService
from qwen_gateway import aws
from qwen_gateway.api import HttpRequest, Served, serve
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import ApiKeys
from qwen_gateway.observability import mute_third_party_loggers
from qwen_gateway.routes import Routes
from qwen_gateway.runtime import ProxyResponse


@functools.cache
def _service() -> ModelsService:
    return ModelsService(ApiKeys(aws.dynamodb(), environment().keys_table), Routes(configuration()))


def lambda_handler(event: dict[str, Any], _context: Any) -> ProxyResponse:
    """List the models, or show the one that the path names; its name may hold slashes."""

    def answer(request: HttpRequest, _request_id: str) -> Served:
        name = unquote(request.path_parameters.get("model", "")).rstrip("/")
        headers = request.headers
        return Served(_service().retrieve(headers, name) if name else _service().list(headers))

    answered: ProxyResponse = serve(event, answer)
    return answered


mute_third_party_loggers()
_service()

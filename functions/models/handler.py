"""GET /v1/models and GET /v1/models/{model}."""

import functools
from typing import Any
from urllib.parse import unquote

from models.service import ModelsService
from qwen_gateway import aws
from qwen_gateway.api import HttpRequest, Served, serve
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import Keys
from qwen_gateway.routes import Routes
from qwen_gateway.runtime import ProxyAnswer
from qwen_gateway.silence import silence_libraries


@functools.cache
def _service() -> ModelsService:
    return ModelsService(Keys(aws.dynamodb(), environment().keys_table), Routes(configuration()))


def lambda_handler(event: dict[str, Any], _context: Any) -> ProxyAnswer:
    """List the models, or show the one that the path names; its name may hold slashes."""

    def answer(request: HttpRequest, _request_id: str) -> Served:
        name = unquote(request.path_parameters.get("model", "")).rstrip("/")
        headers = request.headers
        return Served(_service().retrieve(headers, name) if name else _service().list(headers))

    answered: ProxyAnswer = serve(event, answer)
    return answered


silence_libraries()
_service()

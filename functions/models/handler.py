"""GET /v1/models and GET /v1/models/{model}."""

import functools
from typing import Any
from urllib.parse import unquote

from models.service import ModelsService
from qwen_gateway import aws
from qwen_gateway.api import HttpRequest, JsonResponse, serve
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import Keys
from qwen_gateway.routing import Routes
from qwen_gateway.runtime import ProxyAnswer
from qwen_gateway.silence import silence_libraries


@functools.cache
def _service() -> ModelsService:
    return ModelsService(Keys(aws.dynamodb(), environment().keys_table), Routes(configuration()))


def lambda_handler(event: dict[str, Any], _context: Any) -> ProxyAnswer:
    """List the models, or return the one in the path, whose name may contain slashes."""

    def answer(request: HttpRequest, _request_id: str) -> JsonResponse:
        name = unquote(request.path_parameters.get("model", "")).rstrip("/")
        headers = request.headers
        return JsonResponse(_service().retrieve(headers, name) if name else _service().list(headers))

    response: ProxyAnswer = serve(event, answer)
    return response


silence_libraries()
_service()

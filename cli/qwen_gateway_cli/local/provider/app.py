"""The stand-in's routes: chat, models, and the control interface."""

import json
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from qwen_gateway_cli.local.provider.chat import ChatCompletions
from qwen_gateway_cli.local.provider.control import Control, WrongControl
from qwen_gateway_cli.local.provider.envelopes import refusal_document
from qwen_gateway_cli.local.provider.models import listed_models, served_model
from qwen_gateway_cli.local.provider.refusals import Refusal, model_not_found, refused_key

_PREFIXES = ("", "/{prefix:path}")
_LISTED_SINCE = 1_760_000_000


def application(control: Control) -> Router:
    """Return the ASGI application. What it was told and what it received stands in `control`."""
    routes = _control_routes(control)
    for prefix in _PREFIXES:
        routes += [
            Route(f"{prefix}/chat/completions", ChatCompletions(control), methods=["POST"]),
            Route(f"{prefix}/models", _list_models),
            Route(f"{prefix}/models/{{model:path}}", _show_model),
        ]
    return Router(routes, redirect_slashes=False)


def _control_routes(control: Control) -> list[Route]:
    async def read(_request: Request) -> Response:
        return JSONResponse(control.document())

    async def change(request: Request) -> Response:
        try:
            control.apply(json.loads(await request.body()))
        except ValueError:
            return JSONResponse({"error": "the body is not JSON"}, 400)
        except WrongControl as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(control.settings_document())

    async def reset(_request: Request) -> Response:
        control.reset()
        return JSONResponse(control.settings_document())

    return [
        Route("/_control", read, methods=["GET"]),
        Route("/_control", change, methods=["PUT"]),
        Route("/_control", reset, methods=["DELETE"]),
    ]


async def _list_models(request: Request) -> Response:
    if refused := refused_key(request.headers.get("authorization")):
        return _refusal(refused)
    return JSONResponse({"object": "list", "data": [_model(name) for name in listed_models()]})


async def _show_model(request: Request) -> Response:
    name = request.path_params["model"]
    if refused := refused_key(request.headers.get("authorization")):
        return _refusal(refused)
    return _refusal(model_not_found(name)) if served_model(name) is None else JSONResponse(_model(name))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _LISTED_SINCE, "owned_by": "system"}


def _refusal(refused: Refusal) -> Response:
    request_id = str(uuid.uuid4())
    return JSONResponse(refusal_document(request_id, refused), refused.status, {"x-request-id": request_id})

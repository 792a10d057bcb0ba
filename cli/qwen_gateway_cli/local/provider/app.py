"""The stand-in's routes: chat, models, and the control interface."""

import json
import uuid
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from qwen_gateway_cli.local.provider.chat import ChatCompletions
from qwen_gateway_cli.local.provider.control import Control, WrongControl
from qwen_gateway_cli.local.provider.envelopes import refusal_document
from qwen_gateway_cli.local.provider.models import listed_models, served_model
from qwen_gateway_cli.local.provider.refusals import Refusal, model_not_found, refused_key

type Endpoint = Callable[[Request], Awaitable[Response]]

_PREFIXES = ("", "/{prefix:path}")
_LISTED_SINCE = 1_760_000_000


def application(control: Control) -> Router:
    """Return the ASGI application. What it was told and what it received stands in `control`."""
    list_models, show_model = _model_endpoints(control)
    routes = _control_routes(control)
    for prefix in _PREFIXES:
        routes += [
            Route(f"{prefix}/chat/completions", ChatCompletions(control), methods=["POST"]),
            Route(f"{prefix}/models", list_models),
            Route(f"{prefix}/models/{{model:path}}", show_model),
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


def _model_endpoints(control: Control) -> tuple[Endpoint, Endpoint]:
    async def show_all(request: Request) -> Response:
        if refused := refused_key(request.headers.get("authorization"), control.settings.accepted_key):
            return _refusal(refused)
        names = listed_models() if control.settings.models is None else control.settings.models
        return JSONResponse({"object": "list", "data": [_model(name) for name in names]})

    async def show_one(request: Request) -> Response:
        name = request.path_params["model"]
        if refused := refused_key(request.headers.get("authorization"), control.settings.accepted_key):
            return _refusal(refused)
        is_served = served_model(name, control.settings.models) is not None
        return JSONResponse(_model(name)) if is_served else _refusal(model_not_found(name))

    return show_all, show_one


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _LISTED_SINCE, "owned_by": "system"}


def _refusal(refused: Refusal) -> Response:
    request_id = str(uuid.uuid4())
    return JSONResponse(refusal_document(request_id, refused), refused.status, {"x-request-id": request_id})

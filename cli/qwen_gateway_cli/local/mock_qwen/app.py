"""The mock's routes: chat completions, models, and the control interface."""

import json
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.mock_qwen.completion import build_choices, build_usage
from qwen_gateway_cli.local.mock_qwen.connection import ClientDisconnected, HttpExchange, ResponseWriter
from qwen_gateway_cli.local.mock_qwen.control import Control, InvalidControl
from qwen_gateway_cli.local.mock_qwen.faults import has_partial_response, send_immediate_fault, send_partial_fault
from qwen_gateway_cli.local.mock_qwen.models import Model, find_model, is_retired, list_models
from qwen_gateway_cli.local.mock_qwen.request import ChatRequest
from qwen_gateway_cli.local.mock_qwen.responses import (
    CompletionEncoder,
    ResponseBody,
    build_rejection_body,
    encode_json,
)
from qwen_gateway_cli.local.mock_qwen.validation import (
    INVALID_BODY,
    Rejection,
    build_unknown_model,
    check_key,
    validate,
)

_PREFIXES = ("", "/{prefix:path}")
_MODELS_CREATED = 1_760_000_000


def create_app(control: Control) -> Router:
    """Return the ASGI application; `control` holds its settings and the received calls."""
    control_endpoints, model_endpoints = ControlEndpoints(control), ModelEndpoints(control)
    routes = [
        Route("/_control", control_endpoints.get, methods=["GET"]),
        Route("/_control", control_endpoints.put, methods=["PUT"]),
        Route("/_control", control_endpoints.delete, methods=["DELETE"]),
    ]
    for prefix in _PREFIXES:
        routes += [
            Route(f"{prefix}/chat/completions", ChatCompletions(control), methods=["POST"]),
            Route(f"{prefix}/models", model_endpoints.list),
            Route(f"{prefix}/models/{{model:path}}", model_endpoints.retrieve),
        ]
    return Router(routes, redirect_slashes=False)


class ControlEndpoints:
    """GET, PUT and DELETE /_control."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, _request: Request) -> Response:
        """Return the settings and the received calls."""
        return JSONResponse(self._control.document())

    async def put(self, request: Request) -> Response:
        """Change settings; return them, or a 400 that names the invalid field."""
        try:
            self._control.apply(json.loads(await request.body()))
        except ValueError:
            return JSONResponse({"error": "the body is not JSON"}, 400)
        except InvalidControl as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._control.settings_document())

    async def delete(self, _request: Request) -> Response:
        """Reset settings and calls; return the default settings."""
        self._control.reset()
        return JSONResponse(self._control.settings_document())


class ModelEndpoints:
    """GET .../models and .../models/{model}."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def list(self, request: Request) -> Response:
        """Return every listed model."""
        if rejection := self._check_key(request):
            return _build_rejection(rejection)
        names = list_models() if self._control.settings.models is None else self._control.settings.models
        return JSONResponse({"object": "list", "data": [_describe_model(name) for name in names]})

    async def retrieve(self, request: Request) -> Response:
        """Return one model, or a 404."""
        name = request.path_params["model"]
        if rejection := self._check_key(request):
            return _build_rejection(rejection)
        is_served = find_model(name, self._control.settings.models) is not None
        return JSONResponse(_describe_model(name)) if is_served else _build_rejection(build_unknown_model(name))

    def _check_key(self, request: Request) -> Rejection | None:
        return check_key(request.headers.get("authorization"), self._control.settings.accepted_key)


class ChatCompletions:
    """POST .../chat/completions, as an ASGI application."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one call."""
        request_id = str(uuid.uuid4())
        exchange = HttpExchange(scope, receive, send)
        gap_ms = self._control.settings.chunk_gap_ms
        writer = ResponseWriter(exchange, request_id, {"x-request-id": request_id}, gap_ms)
        try:
            await self._respond(writer, await exchange.read_body(), Headers(scope=scope))
        except ClientDisconnected:
            return

    async def _respond(self, writer: ResponseWriter, raw: bytes, headers: Headers) -> None:
        body = _parse_json_object(raw)
        if body is not None:
            self._control.record(raw)
        await writer.exchange.sleep(self._control.settings.latency_ms)
        if rejection := check_key(headers.get("authorization"), self._control.settings.accepted_key):
            await _send_rejection(writer, rejection)
        elif body is None:
            await _send_rejection(writer, INVALID_BODY)
        else:
            await self._complete(writer, ChatRequest(body))

    async def _complete(self, writer: ResponseWriter, request: ChatRequest) -> None:
        fault = self._control.take_fault(request.model_name)
        if fault is not None:
            await writer.exchange.sleep(fault.delay_ms)
            if not has_partial_response(fault):
                await send_immediate_fault(writer, fault)
                return
        model = find_model(request.model_name, self._control.settings.models)
        if model is None:
            await _send_rejection(writer, self._build_unknown_model(request.model_name))
        elif rejection := validate(request, model):
            await _send_rejection(writer, rejection)
        elif fault is not None:
            await send_partial_fault(writer, fault, self._build_body(request, model, writer.request_id))
        else:
            await writer.send(self._build_body(request, model, writer.request_id))

    def _build_unknown_model(self, name: object) -> Rejection:
        return build_unknown_model(name, retired=is_retired(name, self._control.settings.models))

    def _build_body(self, request: ChatRequest, model: Model, request_id: str) -> ResponseBody:
        settings = self._control.settings
        choices = build_choices(request, model, settings)
        usage = build_usage(request, choices, settings) if settings.usage is None else settings.usage
        return CompletionEncoder(request, request_id, choices, usage, settings.chunks).encode()


async def _send_rejection(writer: ResponseWriter, rejection: Rejection) -> None:
    body = encode_json(build_rejection_body(writer.request_id, rejection))
    await writer.send_whole(rejection.status, "application/json", body)


def _build_rejection(rejection: Rejection) -> Response:
    request_id = str(uuid.uuid4())
    return JSONResponse(build_rejection_body(request_id, rejection), rejection.status, {"x-request-id": request_id})


def _describe_model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _MODELS_CREATED, "owned_by": "system"}


def _parse_json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

"""The mock's routes: the calls of `endpoints`, models, and the control interface."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.mock_qwen.connection import ClientDisconnected, HttpExchange, ResponseWriter
from qwen_gateway_cli.local.mock_qwen.control import Control, InvalidControl
from qwen_gateway_cli.local.mock_qwen.endpoints import ENDPOINTS, Endpoint
from qwen_gateway_cli.local.mock_qwen.error_formats import COMPATIBLE, RESPONSES, ErrorFormat
from qwen_gateway_cli.local.mock_qwen.faults import has_partial_response, send_immediate_fault, send_partial_fault
from qwen_gateway_cli.local.mock_qwen.models import find_model, is_retired, list_models
from qwen_gateway_cli.local.mock_qwen.responses import encode_json
from qwen_gateway_cli.local.mock_qwen.responses_api import ResponsesApi
from qwen_gateway_cli.local.mock_qwen.validation import INVALID_BODY, Rejection, build_unknown_model, check_key

_PREFIXES = ("", "/{prefix:path}")
_MODELS_CREATED = 1_760_000_000


def create_app(control: Control) -> Router:
    """Return the ASGI application; `control` holds its settings and the received calls."""
    control_endpoints, model_endpoints = ControlEndpoints(control), ModelEndpoints(control)
    responses = ResponsesApi()
    stored = StoredResponses(control, responses)
    create = Endpoint("/responses", RESPONSES, responses.check, responses.build, streams_rejections=True)
    endpoints = (*ENDPOINTS, create)
    routes = [
        Route("/_control", control_endpoints.get, methods=["GET"]),
        Route("/_control", control_endpoints.put, methods=["PUT"]),
        Route("/_control", control_endpoints.delete, methods=["DELETE"]),
    ]
    for prefix in _PREFIXES:
        routes += [
            *(Route(f"{prefix}{each.path}", ModelCalls(control, each), methods=["POST"]) for each in endpoints),
            Route(f"{prefix}/responses/{{response_id}}", stored.retrieve, methods=["GET"]),
            Route(f"{prefix}/responses/{{response_id}}", stored.delete, methods=["DELETE"]),
            Route(f"{prefix}/responses/{{response_id}}/input_items", stored.list_input, methods=["GET"]),
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


class StoredResponses:
    """GET and DELETE .../responses/{response_id}, and GET .../input_items."""

    def __init__(self, control: Control, responses: ResponsesApi) -> None:
        self._control = control
        self._responses = responses

    async def retrieve(self, request: Request) -> Response:
        """Return a stored response, or a 404."""
        return self._answer(request, self._responses.find)

    async def delete(self, request: Request) -> Response:
        """Delete a stored response, or return a 404."""
        return self._answer(request, self._responses.delete)

    async def list_input(self, request: Request) -> Response:
        """Return the input of a stored response, or a 404."""
        return self._answer(request, lambda found: self._responses.list_input(found, request.query_params))

    def _answer(self, request: Request, act: Callable[[str], dict[str, Any] | None]) -> Response:
        response_id, key = request.path_params["response_id"], request.headers.get("authorization")
        if rejection := check_key(key, self._control.settings.accepted_key):
            return _build_rejection(rejection, RESPONSES)
        if (document := act(response_id)) is None:
            return _build_rejection(Rejection(404, "NotFound", f"Response {response_id} not found."), RESPONSES)
        return JSONResponse(document, headers={"x-request-id": str(uuid.uuid4())})


class ModelCalls:
    """The calls of one endpoint, as an ASGI application."""

    def __init__(self, control: Control, endpoint: Endpoint) -> None:
        self._control = control
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one call."""
        request_id = str(uuid.uuid4())
        exchange = HttpExchange(scope, receive, send)
        gap_ms = self._control.settings.chunk_gap_ms
        headers = {"x-request-id": request_id}
        writer = ResponseWriter(exchange, request_id, headers, gap_ms, self._endpoint.errors)
        try:
            await self._respond(writer, await exchange.read_body(), Headers(scope=scope))
        except ClientDisconnected:
            return

    async def _respond(self, writer: ResponseWriter, raw: bytes, headers: Headers) -> None:
        body = _parse_json_object(raw)
        if body is not None:
            self._control.record(raw)
        await writer.exchange.sleep(self._control.settings.latency_ms)
        if rejection := check_key(_read_key(headers), self._control.settings.accepted_key):
            await _send_rejection(writer, rejection)
        elif body is None:
            await _send_rejection(writer, INVALID_BODY)
        else:
            await self._answer(writer, body)

    async def _answer(self, writer: ResponseWriter, body: dict[str, Any]) -> None:
        settings, name = self._control.settings, body.get("model")
        fault = self._control.take_fault(name)
        if fault is not None:
            await writer.exchange.sleep(fault.delay_ms)
            if not has_partial_response(fault):
                await send_immediate_fault(writer, fault)
                return
        model = find_model(name, settings.models)
        if model is None:
            await self._reject(writer, body, build_unknown_model(name, retired=is_retired(name, settings.models)))
        elif rejection := self._endpoint.check(body, model):
            await self._reject(writer, body, rejection)
        elif fault is not None:
            await send_partial_fault(writer, fault, self._endpoint.build(body, model, writer.request_id, settings))
        else:
            await writer.send(self._endpoint.build(body, model, writer.request_id, settings))

    async def _reject(self, writer: ResponseWriter, body: dict[str, Any], rejection: Rejection) -> None:
        if self._endpoint.streams_rejections and body.get("stream") is True:
            event = writer.errors.encode_event(writer.errors.build_rejection(writer.request_id, rejection))
            await writer.send_whole(200, "text/event-stream;charset=UTF-8", event)
        else:
            await _send_rejection(writer, rejection)


async def _send_rejection(writer: ResponseWriter, rejection: Rejection) -> None:
    body = encode_json(writer.errors.build_rejection(writer.request_id, rejection))
    await writer.send_whole(rejection.status, "application/json", body)


def _build_rejection(rejection: Rejection, errors: ErrorFormat = COMPATIBLE) -> Response:
    request_id = str(uuid.uuid4())
    body = errors.build_rejection(request_id, rejection)
    return JSONResponse(body, rejection.status, {"x-request-id": request_id})


def _read_key(headers: Headers) -> str | None:
    """Return the key as a bearer token, also that of the Anthropic-compatible API's own header."""
    key = headers.get("x-api-key")
    return f"Bearer {key}" if key else headers.get("authorization")


def _describe_model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _MODELS_CREATED, "owned_by": "system"}


def _parse_json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

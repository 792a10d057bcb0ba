"""The stand-in's routes: chat, models, and the control interface."""

import json
import uuid
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.provider.answers import choices
from qwen_gateway_cli.local.provider.connection import ClientLeft, Exchange
from qwen_gateway_cli.local.provider.control import Control, WrongControl
from qwen_gateway_cli.local.provider.delivery import Delivery
from qwen_gateway_cli.local.provider.envelopes import Envelope, encoded, error_document
from qwen_gateway_cli.local.provider.faults import fail_at_once, fail_midway, lets_some_through
from qwen_gateway_cli.local.provider.models import listed_models, served_model
from qwen_gateway_cli.local.provider.refusals import BAD_BODY, Refusal, model_not_found, refusal
from qwen_gateway_cli.local.provider.reply import Reply
from qwen_gateway_cli.local.provider.request import ChatRequest
from qwen_gateway_cli.local.provider.usage import usage

_PREFIXES: Final = ("", "/{prefix:path}")
_CREATED: Final = 1_700_000_000
_REFUSED_KEY: Final = {
    "error": {
        "message": 'Incorrect API key provided. The stand-in takes any key without "invalid" in it.',
        "code": "InvalidApiKey",
    }
}


def application(control: Control) -> Router:
    """Return the ASGI application; what it was told and received stands in `control`."""
    routes = [Route("/_control", _ControlInterface(control), methods=["GET", "PUT", "DELETE"])]
    for prefix in _PREFIXES:
        routes += [
            Route(f"{prefix}/chat/completions", _ChatCompletions(control), methods=["POST"]),
            Route(f"{prefix}/models", _list_models, methods=["GET"]),
            Route(f"{prefix}/models/{{model:path}}", _show_model, methods=["GET"]),
        ]
    return Router(routes, redirect_slashes=False)


class _ChatCompletions:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        request_id = str(uuid.uuid4())
        delivery = Delivery(
            exchange, request_id, {"x-request-id": request_id}, gap_ms=self._control.settings.chunk_gap_ms
        )
        try:
            await self._answer(delivery, await exchange.read(), Headers(scope=scope))
        except ClientLeft:
            return

    async def _answer(self, delivery: Delivery, raw: bytes, headers: Headers) -> None:
        body = _json_object(raw)
        if body is not None:
            self._control.record(raw)
        if not _key_is_accepted(headers):
            await delivery.send_body(401, "application/json", encoded(_REFUSED_KEY))
            return
        await delivery.exchange.pause(self._control.settings.latency_ms)
        if body is None:
            await _refuse(delivery, BAD_BODY)
            return
        await self._answer_request(delivery, ChatRequest(body))

    async def _answer_request(self, delivery: Delivery, request: ChatRequest) -> None:
        fault = self._control.due_fault(request.model_name)
        if fault is not None:
            await delivery.exchange.pause(fault.delay_ms)
            if not lets_some_through(fault):
                await fail_at_once(delivery, fault)
                return
        if refused := refusal(request):
            await _refuse(delivery, refused)
            return
        reply = self._reply(request, delivery.request_id)
        await (delivery.send(reply) if fault is None else fail_midway(delivery, fault, reply))

    def _reply(self, request: ChatRequest, request_id: str) -> Reply:
        settings = self._control.settings
        model = served_model(request.model_name)
        assert model is not None  # noqa: S101 - `refusal` refuses every other name
        answers = choices(request, model, settings)
        return Envelope(request, request_id, answers, usage(request, answers, settings), settings.chunks).reply()


class _ControlInterface:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._answer(request.method, await request.body())
        await response(scope, receive, send)

    def _answer(self, method: str, raw: bytes) -> Response:
        if method == "DELETE":
            self._control.reset()
            return Response(status_code=204)
        if method == "PUT":
            try:
                self._control.apply(json.loads(raw))
            except (WrongControl, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._control.document())


async def _list_models(request: Request) -> Response:
    if not _key_is_accepted(request.headers):
        return JSONResponse(_REFUSED_KEY, 401)
    return JSONResponse({"object": "list", "data": [_listed(name) for name in listed_models()]})


async def _show_model(request: Request) -> Response:
    if not _key_is_accepted(request.headers):
        return JSONResponse(_REFUSED_KEY, 401)
    name = request.path_params["model"]
    if served_model(name) is None:
        return JSONResponse(_refused(str(uuid.uuid4()), model_not_found(name)), 404)
    return JSONResponse(_listed(name))


async def _refuse(delivery: Delivery, refused: Refusal) -> None:
    await delivery.send_body(refused.status, "application/json", encoded(_refused(delivery.request_id, refused)))


def _refused(request_id: str, refused: Refusal) -> dict[str, Any]:
    error = {"message": refused.message, "type": refused.type, "param": None, "code": refused.code}
    return error_document(request_id, error)


def _key_is_accepted(headers: Headers) -> bool:
    """Any key will do that has no "invalid" in it, so that a refused key can be shown too."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip()) and "invalid" not in key


def _listed(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "system"}


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

"""The stand-in's HTTP interface: chat, the list of models, and the control document."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import faults, wire
from qwen_gateway_cli.local.provider.answers import choices
from qwen_gateway_cli.local.provider.control import Control, Fault, WrongControl
from qwen_gateway_cli.local.provider.models import listed_models, served_model
from qwen_gateway_cli.local.provider.refusals import BAD_BODY, Refusal, model_not_found, refusal
from qwen_gateway_cli.local.provider.request import ChatRequest
from qwen_gateway_cli.local.provider.usage import usage
from qwen_gateway_cli.local.provider.wire import Chunk

BAD_KEY_MARK = "invalid"
"""A key that contains this word is refused, so that a bad key can be shown."""
_BAD_KEY = Refusal(401, "invalid_api_key", "Incorrect API key provided.")


def application(control: Control) -> Starlette:
    """The stand-in as an ASGI application; any prefix may stand before its routes."""
    provider = _Provider(control)
    return Starlette(
        routes=[
            Route("/_control", provider.control, methods=["GET", "PUT", "DELETE"]),
            Route("/{prefix:path}/chat/completions", provider.chat, methods=["POST"]),
            Route("/{prefix:path}/models/{model:path}", provider.model),
            Route("/{prefix:path}/models", provider.models),
        ]
    )


class _Provider:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def control(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(self._control.document())
        if request.method == "DELETE":
            self._control.reset()
            return Response(status_code=204)
        try:
            self._control.apply(json.loads(await request.body()))
        except (WrongControl, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._control.document())

    async def models(self, request: Request) -> Response:
        if not _accepts(request):
            return _refused(_BAD_KEY, _new_id())
        return JSONResponse({"object": "list", "data": [_listed(name) for name in listed_models()]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["model"]
        if not _accepts(request):
            return _refused(_BAD_KEY, _new_id())
        return JSONResponse(_listed(name)) if served_model(name) else _refused(model_not_found(name), _new_id())

    async def chat(self, request: Request) -> Response:
        request_id = _new_id()
        raw = await request.body()
        body = _object(raw)
        if body is not None:
            self._control.record(raw)
        try:
            return await self._answer(request, body, request_id)
        except faults.Disconnected:
            _break(request)
        except faults.Hung:
            await _until_the_caller_leaves(request)
        return Response()

    async def _answer(self, request: Request, body: dict[str, Any] | None, request_id: str) -> Response:
        if not _accepts(request):
            return _refused(_BAD_KEY, request_id)
        if body is None:
            return _refused(BAD_BODY, request_id)
        settings = self._control.settings
        fault = self._control.due_fault(body.get("model"))
        await asyncio.sleep((settings.latency_ms + (fault.delay_ms if fault else 0)) / 1000)
        if fault and (response := faults.instead(fault, request_id)):
            return response
        chat = ChatRequest(body)
        if no := refusal(chat):
            return _refused(no, request_id)
        return self._answered(request, chat, fault, request_id)

    def _answered(self, request: Request, chat: ChatRequest, fault: Fault | None, request_id: str) -> Response:
        settings = self._control.settings
        model = served_model(chat.model_name)
        assert model is not None  # noqa: S101 - `refusal` has refused the others
        answers = choices(chat, model, settings)
        counts = usage(chat, answers, settings)
        envelope = wire.Envelope(f"chatcmpl-{request_id}", model.name, int(time.time()), chat["logprobs"] is True)
        headers = {"x-request-id": request_id, **(fault.headers if fault else {})}
        if chat.streamed:
            chunks = wire.stream(envelope, answers, counts if chat.usage_asked else None, settings.chunks)
            played = faults.within(fault, chunks, request_id) if fault else _unharmed(chunks)
            paced = _paced(played, settings.chunk_gap_ms / 1000)
            return StreamingResponse(_body(request, paced), 200, headers, "text/event-stream")
        document = faults.dumped(wire.whole(envelope, answers, counts))
        if fault is None:
            return Response(document, 200, headers, "application/json")
        body = _body(request, faults.within_whole(fault, document))
        return StreamingResponse(body, 200, headers, "application/json")


async def _unharmed(chunks: Any) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        yield chunk


async def _paced(chunks: AsyncIterator[Chunk], gap: float) -> AsyncIterator[Chunk]:
    deltas = 0
    async for chunk in chunks:
        if gap and chunk.is_delta and deltas:
            await asyncio.sleep(gap)
        deltas += chunk.is_delta
        yield chunk


async def _body(request: Request, chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk.data
    except faults.Disconnected:
        _break(request)
    except faults.Hung:
        # The server cancels this when the caller leaves.
        await asyncio.Event().wait()


def _break(request: Request) -> None:
    request.state.transport.abort()


async def _until_the_caller_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _accepts(request: Request) -> bool:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip()) and BAD_KEY_MARK not in key


def _refused(no: Refusal, request_id: str) -> Response:
    body = faults.error_body(no.status, no.code, no.message, request_id, kind=no.type)
    return JSONResponse(body, no.status, {"x-request-id": request_id})


def _listed(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "system"}


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _new_id() -> str:
    return str(uuid.uuid4())

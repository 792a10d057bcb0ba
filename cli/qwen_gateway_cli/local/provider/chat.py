"""POST .../chat/completions: the way of one call through the stand-in."""

import json
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.provider.answers import choices
from qwen_gateway_cli.local.provider.connection import ClientLeft, Exchange
from qwen_gateway_cli.local.provider.control import Control
from qwen_gateway_cli.local.provider.delivery import Delivery
from qwen_gateway_cli.local.provider.envelopes import Envelope, encoded, refusal_document
from qwen_gateway_cli.local.provider.faults import fail_at_once, fail_midway, lets_some_through
from qwen_gateway_cli.local.provider.models import Model, served_model
from qwen_gateway_cli.local.provider.refusals import BAD_BODY, Refusal, model_not_found, refusal, refused_key
from qwen_gateway_cli.local.provider.reply import Reply
from qwen_gateway_cli.local.provider.request import ChatRequest
from qwen_gateway_cli.local.provider.usage import usage


class ChatCompletions:
    """The endpoint, as an ASGI application."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        request_id = str(uuid.uuid4())
        exchange = Exchange(scope, receive, send)
        gap_ms = self._control.settings.chunk_gap_ms
        delivery = Delivery(exchange, request_id, {"x-request-id": request_id}, gap_ms)
        try:
            await self._answer(delivery, await exchange.read(), Headers(scope=scope))
        except ClientLeft:
            return

    async def _answer(self, delivery: Delivery, raw: bytes, headers: Headers) -> None:
        body = _json_object(raw)
        if body is not None:
            self._control.record(raw)
        await delivery.exchange.pause(self._control.settings.latency_ms)
        if refused := refused_key(headers.get("authorization"), self._control.settings.accepted_key):
            await _refuse(delivery, refused)
        elif body is None:
            await _refuse(delivery, BAD_BODY)
        else:
            await self._answer_request(delivery, ChatRequest(body))

    async def _answer_request(self, delivery: Delivery, request: ChatRequest) -> None:
        fault = self._control.due_fault(request.model_name)
        if fault is not None:
            await delivery.exchange.pause(fault.delay_ms)
            if not lets_some_through(fault):
                await fail_at_once(delivery, fault)
                return
        model = served_model(request.model_name, self._control.settings.models)
        if model is None:
            await _refuse(delivery, model_not_found(request.model_name))
        elif refused := refusal(request, model):
            await _refuse(delivery, refused)
        elif fault is not None:
            await fail_midway(delivery, fault, self._reply(request, model, delivery.request_id))
        else:
            await delivery.send(self._reply(request, model, delivery.request_id))

    def _reply(self, request: ChatRequest, model: Model, request_id: str) -> Reply:
        settings = self._control.settings
        answers = choices(request, model, settings)
        return Envelope(request, request_id, answers, usage(request, answers, settings), settings.chunks).reply()


async def _refuse(delivery: Delivery, refused: Refusal) -> None:
    body = encoded(refusal_document(delivery.request_id, refused))
    await delivery.send_body(refused.status, "application/json", body)


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

"""The front as an ASGI application: a request's way through what API Gateway does."""

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.front import answer, refusals, streaming
from qwen_gateway_cli.local.front.api import Mock, Proxy, api_of
from qwen_gateway_cli.local.front.event import Arrival, Deployed, event_of, raw_path
from qwen_gateway_cli.local.front.head import MalformedAnswer
from qwen_gateway_cli.local.front.output import FunctionFailed
from qwen_gateway_cli.local.front.pool import Pool
from qwen_gateway_cli.local.front.refusals import Refusal
from qwen_gateway_cli.local.front.routes import Match, Routes
from qwen_gateway_cli.local.front.runtime_api import Call
from qwen_gateway_cli.local.front.settings import FrontSettings

MAX_HEAD_BYTES = 10_240
"""What API Gateway takes of request line and header values together."""
MAX_BODY_BYTES = 10 * 1024 * 1024
"""What API Gateway takes of a request."""
MAX_EVENT_BYTES = 6 * 1024 * 1024
"""What Lambda takes of an event."""

logger = logging.getLogger(__name__)


class Gateway:
    """Answers HTTP requests as the deployed API would. Raises ValueError for a template that it does not understand."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._api = api_of(settings.template, settings.parameters)
        self._routes = Routes(self._api.routes)
        self._pools = {name: Pool(settings, name) for name in settings.functions}
        if strangers := self._api.functions() - self._pools.keys():
            raise ValueError(f"the settings lack the functions {', '.join(sorted(strangers))}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        request = Request(scope, receive)
        arrival = Arrival.now(request.headers)
        try:
            response = await self._respond(request, arrival)
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("The front failed at %s %s", request.method, raw_path(request))
            response = self._refuse(refusals.BROKEN, arrival)
        response.headers["x-amzn-requestid"] = arrival.request_id
        response.headers["x-amz-apigw-id"] = arrival.extended_request_id
        await response(scope, receive, send)

    def malformed(self) -> Response:
        """Return the answer to what is no HTTP request."""
        return self._refuse(refusals.MALFORMED, Arrival.now(Headers()))

    async def close(self) -> None:
        """End every function process."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def _respond(self, request: Request, arrival: Arrival) -> Response:
        body = await _body(request)
        if _head_bytes(request) > MAX_HEAD_BYTES:
            return self._refuse(refusals.HEAD_TOO_LARGE, arrival)
        route = self._routes.match(request.method, raw_path(request))
        if route is None:
            return self._refuse(refusals.UNKNOWN_ROUTE, arrival)
        if body is None:
            return self._refuse(refusals.TOO_LARGE, arrival)
        match route.integration:
            case Mock(status, headers, text):
                return Response(text, status, headers={"content-type": "application/json", **headers})
            case Proxy() as proxy:
                return await self._call(request, body, route, proxy, arrival)

    async def _call(self, request: Request, body: bytes, route: Match, proxy: Proxy, arrival: Arrival) -> Response:
        arn = self._settings.functions[proxy.function].arn
        deployed = Deployed(arn.split(":")[4], "local", self._api.stage, self._api.binary_media_types)
        event = event_of(request, body, route, arrival, deployed)
        if len(event) > MAX_EVENT_BYTES:
            return self._refuse(refusals.TOO_LARGE, arrival)
        try:
            call = Call(arrival.function_request_id, event, arrival.trace_id, arn)
            response = await self._answer(call, proxy, request.headers.get("accept", ""))
        except TimeoutError:
            return self._refuse(refusals.TIMED_OUT, arrival)
        except FunctionFailed:
            return self._refuse(refusals.FUNCTION_FAILED, arrival)
        except MalformedAnswer as fault:
            logger.warning("%s: its answer is malformed: %s", proxy.function, fault)
            return self._refuse(refusals.FUNCTION_FAILED, arrival)
        response.headers["x-amzn-trace-id"] = arrival.trace_id
        return response

    async def _answer(self, call: Call, proxy: Proxy, accept: str) -> Response:
        pool = self._pools[proxy.function]
        if proxy.streams:
            return await streaming.respond(pool, call, proxy.timeout_s)
        payload = await pool.invoke(call, proxy.timeout_s)
        return answer.response_of(payload, accept, self._api.binary_media_types)

    def _refuse(self, refusal: Refusal, arrival: Arrival) -> Response:
        return refusals.response_of(refusal, self._api, arrival.request_id)


def _head_bytes(request: Request) -> int:
    scope = request.scope
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(value) for _, value in scope["headers"])


async def _body(request: Request) -> bytes | None:
    """Read the body to its end, so that no client sees its connection break; None stands for too much."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size <= MAX_BODY_BYTES:
            pieces.append(piece)
    return b"".join(pieces) if size <= MAX_BODY_BYTES else None

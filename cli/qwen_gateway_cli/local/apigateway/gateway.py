"""The emulated API as an ASGI application."""

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.apigateway import gateway_errors
from qwen_gateway_cli.local.apigateway.gateway_errors import ApiGatewayError, build_error_response
from qwen_gateway_cli.local.apigateway.invocation import FunctionFailed, Invocation, InvocationRejected
from qwen_gateway_cli.local.apigateway.pool import FunctionPool
from qwen_gateway_cli.local.apigateway.proxy_event import (
    DeployedApi,
    RequestMetadata,
    build_proxy_event,
    is_binary,
    raw_path,
)
from qwen_gateway_cli.local.apigateway.proxy_response import MalformedResponse, build_response
from qwen_gateway_cli.local.apigateway.rest_api import (
    MockIntegration,
    ProxyIntegration,
    RouteMatch,
    Router,
    parse_rest_api,
)
from qwen_gateway_cli.local.apigateway.settings import GatewaySettings
from qwen_gateway_cli.local.apigateway.streaming import invoke_streaming

MAX_HEAD_BYTES = 10_240
"""API Gateway's limit for the request line and all header values together."""
MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit for a request body."""
MAX_EVENT_BYTES = 6 * 1024 * 1024
"""Lambda's limit for an event."""

logger = logging.getLogger(__name__)


class Gateway:
    """Responds to HTTP requests like the deployed API. Raises ValueError for an unsupported template."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._api = parse_rest_api(settings.template, settings.parameters)
        self._router = Router(self._api.routes)
        self._pools = {name: FunctionPool(settings, name) for name in settings.functions}
        if missing := self._api.functions - self._pools.keys():
            raise ValueError(f"the settings lack the functions {', '.join(sorted(missing))}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request (ASGI)."""
        request = Request(scope, receive)
        metadata = RequestMetadata.create(request.headers)
        try:
            response = await self._respond(request, metadata)
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("Unhandled error at %s %s", request.method, raw_path(request))
            response = self._error_response(gateway_errors.INTERNAL_ERROR, metadata)
        response.headers["x-amzn-requestid"] = metadata.request_id
        response.headers["x-amz-apigw-id"] = metadata.extended_request_id
        await response(scope, receive, send)

    def malformed_request_response(self) -> Response:
        """Return the response to bytes that are not an HTTP request."""
        return self._error_response(gateway_errors.MALFORMED_REQUEST, RequestMetadata.create(Headers()))

    async def close(self) -> None:
        """Stop every function process."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def _respond(self, request: Request, metadata: RequestMetadata) -> Response:
        body = await _read_body(request)
        if _head_bytes(request) > MAX_HEAD_BYTES:
            return self._error_response(gateway_errors.HEAD_TOO_LARGE, metadata)
        route = self._router.match(request.method, raw_path(request))
        if route is None:
            authorization = request.headers.get("authorization")
            return gateway_errors.build_method_missing_response(authorization, self._api, metadata.request_id)
        if body is None:
            return self._error_response(gateway_errors.REQUEST_TOO_LARGE, metadata)
        match route.integration:
            case MockIntegration() as mock:
                return self._answer_mock(request, mock, metadata)
            case ProxyIntegration() as integration:
                return await self._invoke(request, body, route, integration, metadata)

    def _answer_mock(self, request: Request, mock: MockIntegration, metadata: RequestMetadata) -> Response:
        content_type = request.headers.get("content-type", "application/json")
        if is_binary(content_type, self._api.binary_media_types) and not mock.converts_to_text:
            return self._error_response(gateway_errors.INTERNAL_ERROR, metadata)
        if content_type.partition(";")[0].strip().lower() not in mock.request_types:
            error = gateway_errors.UNSUPPORTED_MEDIA_TYPE if mock.rejects_other_types else gateway_errors.INTERNAL_ERROR
            return self._error_response(error, metadata)
        headers = gateway_errors.evaluate_headers(mock.headers, metadata.request_id)
        return Response(mock.body, mock.status, headers={"content-type": "application/json", **headers})

    async def _invoke(
        self, request: Request, body: bytes, route: RouteMatch, integration: ProxyIntegration, metadata: RequestMetadata
    ) -> Response:
        arn = self._settings.functions[integration.function].arn
        api = DeployedApi(arn.split(":")[4], "local", self._api.stage, self._api.binary_media_types)
        event = build_proxy_event(request, body, route, metadata, api)
        if len(event) > MAX_EVENT_BYTES:
            return self._error_response(gateway_errors.REQUEST_TOO_LARGE, metadata)
        invocation = Invocation(metadata.function_request_id, event, metadata.trace_id, arn)
        try:
            response = await self._function_response(invocation, integration, request.headers.get("accept", ""))
        except TimeoutError:
            return self._error_response(gateway_errors.INTEGRATION_TIMEOUT, metadata)
        except InvocationRejected:
            return self._error_response(gateway_errors.INVOCATION_REJECTED, metadata)
        except FunctionFailed:
            return self._error_response(gateway_errors.FUNCTION_FAILED, metadata)
        except MalformedResponse as error:
            logger.warning("%s: its response is malformed: %s", integration.function, error)
            return self._error_response(gateway_errors.FUNCTION_FAILED, metadata)
        response.headers["x-amzn-trace-id"] = metadata.trace_id
        return response

    async def _function_response(self, invocation: Invocation, integration: ProxyIntegration, accept: str) -> Response:
        pool = self._pools[integration.function]
        if integration.streams:
            return await invoke_streaming(pool, invocation, integration.timeout_s)
        payload = await pool.invoke(invocation, integration.timeout_s)
        return build_response(payload, accept, self._api.binary_media_types)

    def _error_response(self, error: ApiGatewayError, metadata: RequestMetadata) -> Response:
        return build_error_response(error, self._api, metadata.request_id)


def _head_bytes(request: Request) -> int:
    scope = request.scope
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(value) for _, value in scope["headers"])


async def _read_body(request: Request) -> bytes | None:
    """Read the body to its end, so that the client can read the response; return None when it is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
    return b"".join(chunks) if size <= MAX_BODY_BYTES else None

"""The Lambda event that API Gateway makes of a request (Lambda proxy integration, payload format 1.0)."""

import base64
import json
import re
import time
import uuid
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import Request

from qwen_gateway_cli.local.apigateway.rest_api import RouteMatch

# Hop-by-hop headers, and headers that API Gateway sets itself.
_DROPPED = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"}
)
_ANONYMOUS_IDENTITY = {
    "accessKey": None,
    "accountId": None,
    "caller": None,
    "cognitoAuthenticationProvider": None,
    "cognitoAuthenticationType": None,
    "cognitoIdentityId": None,
    "cognitoIdentityPoolId": None,
    "principalOrgId": None,
    "user": None,
    "userArn": None,
}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;[A-Za-z]+=[0-9A-Za-z:?]*)*")


class RequestMetadata(NamedTuple):
    """Ids and time that API Gateway assigns to a request."""

    request_id: str
    function_request_id: str
    """Lambda's id of the invocation."""
    extended_request_id: str
    trace_id: str
    epoch_s: float

    @classmethod
    def create(cls, headers: Headers) -> "RequestMetadata":
        """Assign ids to a request that arrives now. A valid trace id, or UUID as request id, of the client is kept."""
        epoch_s = time.time()
        client_trace = headers.get("x-amzn-trace-id", "")
        trace_id = (
            client_trace if _TRACE.fullmatch(client_trace) else f"Root=1-{int(epoch_s):08x}-{uuid.uuid4().hex[:24]}"
        )
        client_id = headers.get("x-amzn-requestid", "")
        request_id = client_id if _UUID.fullmatch(client_id) else str(uuid.uuid4())
        extended = base64.b64encode(uuid.uuid4().bytes[:11]).decode()
        return cls(request_id, str(uuid.uuid4()), extended, trace_id, epoch_s)


class DeployedApi(NamedTuple):
    """The served API's identifiers and binary media types."""

    account_id: str
    api_id: str
    stage: str
    binary_media_types: frozenset[str]


def build_proxy_event(
    request: Request, body: bytes, route: RouteMatch, metadata: RequestMetadata, api: DeployedApi
) -> bytes:
    """Return the event as JSON in UTF-8; its length is the size that Lambda limits."""
    headers = _build_headers(request, metadata)
    query = _group_by_name(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    text, is_base64 = _encode_body(body, is_binary(request.headers.get("content-type", ""), api.binary_media_types))
    event = {
        "resource": route.resource,
        "path": raw_path(request),
        "httpMethod": request.method,
        "headers": _take_last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _take_last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": route.path_parameters or None,
        "stageVariables": None,
        "requestContext": _build_context(request, route, metadata, api),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def raw_path(request: Request) -> str:
    """Return the path as the client encoded it: API Gateway decodes path parameters, but not the path."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")


def is_binary(media_type: str, binary_media_types: frozenset[str]) -> bool:
    """Return whether the API treats this media type as binary; its parameters are ignored."""
    return media_type.partition(";")[0].strip().lower() in binary_media_types


def _encode_body(body: bytes, binary: bool) -> tuple[str | None, bool]:
    if not body:
        return None, False
    if not binary:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            # API Gateway replaces invalid bytes. The emulation sends them unchanged as base64, so that the function
            # detects and rejects them.
            pass
    return base64.b64encode(body).decode(), True


def _build_headers(request: Request, metadata: RequestMetadata) -> dict[str, list[str]]:
    kept = [(name, value) for name, value in request.headers.items() if name not in _DROPPED]
    return _group_by_name(kept) | {
        "x-forwarded-for": [_source_ip(request)],
        "x-forwarded-port": [str(request.scope["server"][1])],
        "x-forwarded-proto": ["http"],
        "x-amzn-trace-id": [metadata.trace_id],
    }


def _build_context(request: Request, route: RouteMatch, metadata: RequestMetadata, api: DeployedApi) -> dict[str, Any]:
    host = request.headers.get("host", "")
    return {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": metadata.extended_request_id,
        "httpMethod": request.method,
        "identity": {
            **_ANONYMOUS_IDENTITY,
            "sourceIp": _source_ip(request),
            "userAgent": request.headers.get("user-agent"),
        },
        "path": f"/{api.stage}{raw_path(request)}",
        "protocol": "HTTP/1.1",
        "requestId": metadata.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(metadata.epoch_s)),
        "requestTimeEpoch": int(metadata.epoch_s * 1000),
        "resourceId": f"{route.resource} {request.method}",
        "resourcePath": route.resource,
        "stage": api.stage,
    }


def _source_ip(request: Request) -> str:
    return request.client.host if request.client else ""


def _group_by_name(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _take_last(groups: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in groups.items()}

"""A request as the event that API Gateway makes of it (Lambda proxy integration, payload format 1.0)."""

import base64
import json
import re
import time
import uuid
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import Request

from qwen_gateway_cli.local.front.routes import Match

# They belong to the connection, or are made anew for the function.
_DROPPED = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"}
)
_UNKNOWN_CALLER = {
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

_TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;[A-Za-z]+=[0-9A-Za-z:?]*)*")


class Arrival(NamedTuple):
    """What API Gateway notes of a request when it comes in."""

    request_id: str
    function_request_id: str
    """Lambda's own number of the call."""
    extended_request_id: str
    trace_id: str
    epoch_s: float

    @classmethod
    def now(cls, headers: Headers) -> "Arrival":
        """Give the request its ids; a trace that the client has begun goes on."""
        epoch_s = time.time()
        begun = headers.get("x-amzn-trace-id", "")
        trace_id = begun if _TRACE.fullmatch(begun) else f"Root=1-{int(epoch_s):08x}-{uuid.uuid4().hex[:24]}"
        extended = base64.b64encode(uuid.uuid4().bytes[:11]).decode()
        return cls(str(uuid.uuid4()), str(uuid.uuid4()), extended, trace_id, epoch_s)


class Deployed(NamedTuple):
    """What API Gateway knows of the API that it serves."""

    account_id: str
    api_id: str
    stage: str
    binary_media_types: frozenset[str]


def event_of(request: Request, body: bytes, route: Match, arrival: Arrival, deployed: Deployed) -> bytes:
    """Return the event as JSON in UTF-8, as large as Lambda counts it."""
    headers = _headers(request, arrival)
    query = _grouped(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    text, is_base64 = _body(body, is_binary(request.headers.get("content-type", ""), deployed.binary_media_types))
    event = {
        "resource": route.resource,
        "path": raw_path(request),
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": route.path_parameters or None,
        "stageVariables": None,
        "requestContext": _context(request, route, arrival, deployed),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def raw_path(request: Request) -> str:
    """Return the path as the client encoded it; API Gateway decodes the parameters, not the path."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")


def is_binary(media_type: str, binary_media_types: frozenset[str]) -> bool:
    """Whether the API treats this media type as binary; its parameters do not matter."""
    return media_type.partition(";")[0].strip().lower() in binary_media_types


def _body(body: bytes, binary: bool) -> tuple[str | None, bool]:
    if not body:
        return None, False
    if not binary:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            # API Gateway would repair such a text and hide the fault. The bytes themselves let the function see that
            # they are no UTF-8, and refuse them.
            pass
    return base64.b64encode(body).decode(), True


def _headers(request: Request, arrival: Arrival) -> dict[str, list[str]]:
    kept = [(name, value) for name, value in request.headers.items() if name not in _DROPPED]
    return _grouped(kept) | {
        "x-forwarded-for": [_source_ip(request)],
        "x-forwarded-port": [str(request.scope["server"][1])],
        "x-forwarded-proto": ["http"],
        "x-amzn-trace-id": [arrival.trace_id],
    }


def _context(request: Request, route: Match, arrival: Arrival, deployed: Deployed) -> dict[str, Any]:
    host = request.headers.get("host", "")
    return {
        "accountId": deployed.account_id,
        "apiId": deployed.api_id,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": arrival.extended_request_id,
        "httpMethod": request.method,
        "identity": {
            **_UNKNOWN_CALLER,
            "sourceIp": _source_ip(request),
            "userAgent": request.headers.get("user-agent"),
        },
        "path": f"/{deployed.stage}{raw_path(request)}",
        "protocol": "HTTP/1.1",
        "requestId": arrival.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(arrival.epoch_s)),
        "requestTimeEpoch": int(arrival.epoch_s * 1000),
        "resourceId": f"{route.resource} {request.method}",
        "resourcePath": route.resource,
        "stage": deployed.stage,
    }


def _source_ip(request: Request) -> str:
    return request.client.host if request.client else ""


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _last(groups: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in groups.items()}

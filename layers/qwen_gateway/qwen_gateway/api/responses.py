"""Every response: OpenAI's shape, request id, CORS headers, and for an error its row of `HTTP_ERRORS`."""

import json
import math
import string
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, overload
from urllib.parse import quote

from qwen_gateway import observability, ulid
from qwen_gateway.api.proxy_event import HttpRequest, parse_event
from qwen_gateway.config import environment
from qwen_gateway.errors import (
    GATEWAY_HTTP_ERRORS,
    GatewayError,
    HttpError,
    InternalError,
    KeyRefused,
    RequestRefused,
)
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.runtime import EventStream, ProxyResponse

HTTP_ERRORS: Mapping[type[GatewayError], HttpError] = {
    **GATEWAY_HTTP_ERRORS,
    **{failure.error: failure.http for failure in PROVIDER_FAILURES},
}
"""The HTTP error of every cause."""


class JsonResponse(NamedTuple):
    """A JSON body or an error, and additional headers."""

    body: Mapping[str, Any] | GatewayError
    headers: Mapping[str, str] = {}


class EventStreamResponse(NamedTuple):
    """Server-sent events, the seconds after which an idle stream gets a ping, and additional headers."""

    events: Iterator[bytes]
    ping: float
    headers: Mapping[str, str] = {}


@overload
def serve(event: Mapping[str, Any], handle: Callable[[HttpRequest, str], JsonResponse]) -> ProxyResponse: ...
@overload
def serve(
    event: Mapping[str, Any], handle: Callable[[HttpRequest, str], JsonResponse | EventStreamResponse]
) -> ProxyResponse | EventStream: ...
def serve(
    event: Mapping[str, Any], handle: Callable[[HttpRequest, str], JsonResponse | EventStreamResponse]
) -> ProxyResponse | EventStream:
    """Return the response for a proxy event: what `handle(request, request_id)` returns, or its exception as error."""
    request_id = f"req_{ulid.new(time.time_ns() // 1_000_000)}"
    try:
        response = handle(parse_event(event), request_id)
    except GatewayError as error:
        return _error_response(error, request_id)
    except Exception as error:  # noqa: BLE001 - every exception becomes a response
        observability.report(error, request_id)
        return _error_response(InternalError(error), request_id)
    headers = {**response.headers, "x-request-id": request_id}
    if isinstance(response, EventStreamResponse):
        # `no-cache` keeps proxies from buffering events.
        stream_headers = _headers("text/event-stream; charset=utf-8", {"cache-control": "no-cache", **headers})
        return EventStream(200, stream_headers, response.events, response.ping)
    if isinstance(response.body, GatewayError):
        return _error_response(response.body, request_id, response.headers)
    return _proxy_response(200, response.body, headers)


def _error_response(error: GatewayError, request_id: str, headers: Mapping[str, str] = {}) -> ProxyResponse:
    """Return the response for an error, and count it."""
    http_error = http_error_for(error)
    count(error, request_id)
    extra = {"x-request-id": request_id, **headers}
    if error.retry_after is not None:
        extra["retry-after"] = str(math.ceil(error.retry_after))
    if http_error.should_retry is not None:
        extra["x-should-retry"] = str(http_error.should_retry).lower()
    return _proxy_response(http_error.status, {"error": error_object(error)}, extra)


def count(error: GatewayError, request_id: str) -> None:
    """Count an error that a client gets, and log it unless its cause is the request."""
    http_error = http_error_for(error)
    if isinstance(error, RequestRefused | KeyRefused):
        observability.count("request_refused")
    else:
        observability.count(http_error.code)
        observability.logger().warning(
            "call failed",
            extra={"request_id": request_id, "cause": type(error).__name__, "status": http_error.status},
        )


def http_error_for(error: GatewayError) -> HttpError:
    """Return the HTTP error of an error's class, or of its nearest parent that has one."""
    return next(HTTP_ERRORS[kind] for kind in type(error).__mro__ if kind in HTTP_ERRORS)


def error_object(error: GatewayError) -> dict[str, Any]:
    """Return OpenAI's error object."""
    http_error = http_error_for(error)
    return {"message": error.message, "type": http_error.type, "param": error.param, "code": http_error.code}


def _proxy_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ProxyResponse:
    return {"statusCode": status, "headers": _headers("application/json", headers), "body": json_text(body)}


def _headers(content_type: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "content-type": content_type,
        "access-control-allow-origin": environment().allowed_origin,
        "access-control-expose-headers": environment().exposed_headers,
        **{name: _encode_header(value) for name, value in headers.items()},
    }


_HEADER_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "


def _encode_header(value: str) -> str:
    """Percent-encode characters that are invalid in a header: a model name may contain any."""
    return value if value.isascii() and value.isprintable() else quote(value, safe=_HEADER_CHARACTERS, errors="replace")


def json_text(document: Mapping[str, Any]) -> str:
    """Return JSON. Surrogate pairs that a provider split over two chunks are joined; lone ones are replaced."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

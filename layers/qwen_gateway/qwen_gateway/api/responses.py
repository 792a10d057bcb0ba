"""Every response: OpenAI's shape, request id, CORS headers, and for an error its row of `HTTP_ERRORS`."""

import math
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from qwen_gateway import metrics, observability, strictjson
from qwen_gateway.api.request import HttpRequest, parse_event
from qwen_gateway.config import environment
from qwen_gateway.errors import (
    GATEWAY_HTTP_ERRORS,
    GatewayError,
    HttpError,
    InternalError,
    KeyRefused,
    LimitRefused,
    RequestRefused,
)
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.request_ids import RequestIds
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


class HttpExchange:
    """A request and its response. Inside `with` every exception becomes an error response."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self._ids = RequestIds.create(event)
        self.response: ProxyResponse | EventStream = {}
        """The response in the form that the Lambda runtime takes, set at the end of `with`."""

    @property
    def request(self) -> HttpRequest:
        """The request of the proxy event.

        Raises:
            RequestInvalid: its body is not what the event announces.
        """
        return parse_event(self._event, self._ids)

    def respond(self, response: JsonResponse | EventStreamResponse) -> None:
        """Set the response."""
        self.response = _to_lambda(response, self._ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, GatewayError):
            self.response = _error_response(error, self._ids)
        elif isinstance(error, Exception):
            observability.report(error, self._ids)
            self.response = _error_response(InternalError(error), self._ids)
        return isinstance(error, Exception)


def _to_lambda(response: JsonResponse | EventStreamResponse, ids: RequestIds) -> ProxyResponse | EventStream:
    headers = {**response.headers, "x-request-id": ids.request_id}
    if isinstance(response, EventStreamResponse):
        # `no-cache` keeps proxies from buffering events.
        stream_headers = _headers("text/event-stream; charset=utf-8", {"cache-control": "no-cache", **headers})
        return EventStream(200, stream_headers, response.events, response.ping)
    if isinstance(response.body, GatewayError):
        return _error_response(response.body, ids, response.headers)
    return _proxy_response(200, response.body, headers)


def _error_response(error: GatewayError, ids: RequestIds, headers: Mapping[str, str] = {}) -> ProxyResponse:
    """Return the response for an error, and count it."""
    http_error = http_error_for(error)
    count(error, ids)
    extra = {"x-request-id": ids.request_id, **headers}
    if error.retry_after is not None:
        extra["retry-after"] = str(math.ceil(error.retry_after))
    if http_error.should_retry is not None:
        extra["x-should-retry"] = str(http_error.should_retry).lower()
    # Clients of Anthropic's dialect tell an error by the type at the top level.
    return _proxy_response(http_error.status, {"type": "error", "error": error_object(error)}, extra)


def count(error: GatewayError, ids: RequestIds) -> None:
    """Count an error that a client gets, and log it unless its cause is the request or its key."""
    http_error = http_error_for(error)
    if isinstance(error, RequestRefused | KeyRefused):
        metrics.count("request_refused", ids)
        return
    metrics.count(http_error.code, ids)
    if not isinstance(error, LimitRefused):
        observability.logger().warning(
            "call failed",
            extra={**ids.log_fields(), "cause": type(error).__name__, "status": http_error.status},
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
    return strictjson.dumps(document)


DONE = b"data: [DONE]\n\n"
"""OpenAI's last event of a complete stream."""


def encode_events(chunks: Iterable[bytes]) -> bytes:
    """Return one event per chunk. A line break inside a chunk is white space of its JSON."""
    return b"".join([b"data: " + chunk.replace(b"\r", b"\n").replace(b"\n", b"\ndata: ") + b"\n\n" for chunk in chunks])


def error_event(error: GatewayError, ids: RequestIds) -> bytes:
    """Return the event for an error after the start of the response, and count the error."""
    count(error, ids)
    return encode_events([json_text({"error": error_object(error)}).encode()])

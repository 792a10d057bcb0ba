"""Every response: the form of its dialect, request id, CORS headers, and for an error its row of `HTTP_ERRORS`."""

import math
import string
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from qwen_gateway import metrics, observability, strictjson
from qwen_gateway.api.http_errors import http_error_for
from qwen_gateway.api.request import HttpRequest, parse_event
from qwen_gateway.api.wire_format import OPENAI, WireFormat
from qwen_gateway.config import environment
from qwen_gateway.errors import GatewayError, InternalError, KeyRefused, LimitRefused, RequestRefused
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.runtime import EventStream, ProxyResponse


class JsonResponse(NamedTuple):
    """A JSON body or an error, and additional headers."""

    body: Mapping[str, Any] | GatewayError
    headers: Mapping[str, str] = {}


class EventStreamResponse(NamedTuple):
    """Server-sent events, the seconds after which an idle stream gets a ping, and additional headers."""

    events: Iterator[bytes]
    ping: float
    headers: Mapping[str, str] = {}


class JsonPartsResponse(NamedTuple):
    """A JSON body in parts, which may exceed what Lambda buffers, and additional headers."""

    parts: Iterator[bytes]
    headers: Mapping[str, str] = {}


type Response = JsonResponse | EventStreamResponse | JsonPartsResponse


class HttpExchange:
    """A request and its response. Inside `with` every exception becomes an error response.

    Args:
        event: the proxy event.
        wire: the form of errors and streams.
    """

    def __init__(self, event: Mapping[str, Any], wire: WireFormat = OPENAI) -> None:
        self._event = event
        self._wire = wire
        self._ids = RequestIds.create(event)
        self.response: ProxyResponse | EventStream = {}
        """The response in the form that the Lambda runtime takes, set at the end of `with`."""

    @property
    def request(self) -> HttpRequest:
        """The request of the proxy event.

        Raises:
            RequestInvalid: its body is not what the event announces.
        """
        return parse_event(self._event, self._ids, self._wire)

    def respond(self, response: Response) -> None:
        """Set the response."""
        self.response = _to_lambda(response, self._ids, self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, GatewayError):
            self.response = _error_response(error, self._ids, self._wire)
        elif isinstance(error, Exception):
            observability.report(error, self._ids)
            self.response = _error_response(InternalError(error), self._ids, self._wire)
        return isinstance(error, Exception)


def _to_lambda(response: Response, ids: RequestIds, wire: WireFormat) -> ProxyResponse | EventStream:
    headers = {**response.headers, **wire.id_headers(ids)}
    if isinstance(response, EventStreamResponse):
        # `no-cache` keeps proxies from buffering events.
        stream_headers = _headers("text/event-stream; charset=utf-8", {"cache-control": "no-cache", **headers})
        return EventStream(200, stream_headers, response.events, response.ping)
    if isinstance(response, JsonPartsResponse):
        return EventStream(200, _headers("application/json", headers), response.parts, None)
    if isinstance(response.body, GatewayError):
        return _error_response(response.body, ids, wire, response.headers)
    return _proxy_response(200, response.body, headers)


def _error_response(
    error: GatewayError, ids: RequestIds, wire: WireFormat, headers: Mapping[str, str] = {}
) -> ProxyResponse:
    """Return the response for an error, and count it."""
    http_error = http_error_for(error)
    count(error, ids)
    extra = {**wire.id_headers(ids), **headers}
    if error.retry_after is not None:
        extra["retry-after"] = str(math.ceil(error.retry_after))
    if http_error.should_retry is not None:
        extra["x-should-retry"] = str(http_error.should_retry).lower()
    return _proxy_response(http_error.status, wire.error_body(error, ids), extra)


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

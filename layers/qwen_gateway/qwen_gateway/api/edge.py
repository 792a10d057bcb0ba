"""Every answer leaves here: OpenAI's shape, request id, CORS, and a status from the one table of errors."""

import json
import math
import string
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, overload
from urllib.parse import quote

from qwen_gateway import observability, ulid
from qwen_gateway.api import event as proxy
from qwen_gateway.api.event import HttpRequest
from qwen_gateway.config import environment
from qwen_gateway.errors import ANSWERS, Answer, Defect, GatewayError, KeyRefused, RequestRefused
from qwen_gateway.runtime import EventStream, ProxyResponse

EXPOSED = (
    "x-request-id, x-gateway-provider, x-gateway-model, x-gateway-attempts, x-gateway-max-tokens, x-should-retry, "
    "retry-after"
)
"""Headers that a browser's script may read; `*` would not cover requests with an Authorization header."""


class Served(NamedTuple):
    """A whole answer: a JSON body, or a failure, and the headers that say how it came about."""

    body: Mapping[str, Any] | GatewayError
    headers: Mapping[str, str] = {}


class Streamed(NamedTuple):
    """An answer of server-sent events: pieces of whole events, the seconds of silence to fill, and the headers."""

    events: Iterator[bytes]
    ping: float
    headers: Mapping[str, str] = {}


@overload
def serve(event: Mapping[str, Any], handle: Callable[[HttpRequest, str], Served]) -> ProxyResponse: ...
@overload
def serve(
    event: Mapping[str, Any], handle: Callable[[HttpRequest, str], Served | Streamed]
) -> ProxyResponse | EventStream: ...
def serve(
    event: Mapping[str, Any], handle: Callable[[HttpRequest, str], Served | Streamed]
) -> ProxyResponse | EventStream:
    """Answer a proxy event with what `handle(request, request_id)` returns or raises; nothing else gets out."""
    request_id = f"req_{ulid.new(time.time_ns() // 1_000_000)}"
    try:
        served = handle(proxy.read(event), request_id)
    except GatewayError as error:
        return _failed(error, request_id)
    except Exception as unforeseen:  # noqa: BLE001 - whatever it is, the client is answered
        observability.report(unforeseen, request_id)
        return _failed(Defect(unforeseen), request_id)
    headers = {**served.headers, "x-request-id": request_id}
    if isinstance(served, Streamed):
        # Nobody on the way may hold events back to see more of them.
        unheld = _headers("text/event-stream; charset=utf-8", {"cache-control": "no-cache", **headers})
        return EventStream(200, unheld, served.events, served.ping)
    if isinstance(served.body, GatewayError):
        return _failed(served.body, request_id, served.headers)
    return _answer(200, served.body, headers)


def _failed(error: GatewayError, request_id: str, headers: Mapping[str, str] = {}) -> ProxyResponse:
    """Tell a failure as the table of errors has it, and count it."""
    answer = told(error)
    count(error, request_id)
    extra = {"x-request-id": request_id, **headers}
    if error.retry_after is not None:
        extra["retry-after"] = str(math.ceil(error.retry_after))
    if answer.should_retry is not None:
        extra["x-should-retry"] = str(answer.should_retry).lower()
    return _answer(answer.status, {"error": error_object(error)}, extra)


def count(error: GatewayError, request_id: str) -> None:
    """Count a failure that a client is told of, and log its cause unless it is the client's own."""
    answer = told(error)
    if isinstance(error, RequestRefused | KeyRefused):
        observability.count("request_refused")
    else:
        observability.count(answer.code)
        observability.logger().warning(
            "call failed",
            extra={"request_id": request_id, "cause": type(error).__name__, "status": answer.status},
        )


def told(error: GatewayError) -> Answer:
    """Return the row of the table of errors that a failure is told by."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def error_object(error: GatewayError) -> dict[str, Any]:
    """Return a failure in OpenAI's words."""
    answer = told(error)
    return {"message": error.message, "type": answer.type, "param": error.param, "code": answer.code}


def _answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ProxyResponse:
    return {"statusCode": status, "headers": _headers("application/json", headers), "body": json_text(body)}


def _headers(content_type: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "content-type": content_type,
        "access-control-allow-origin": environment().allowed_origin,
        "access-control-expose-headers": EXPOSED,
        **{name: _sendable(value) for name, value in headers.items()},
    }


_IN_HEADERS = string.ascii_letters + string.digits + string.punctuation + " "


def _sendable(value: str) -> str:
    """Percent-encode what no header can hold: a model's name may be in any script, and a line break would end it."""
    return value if value.isascii() and value.isprintable() else quote(value, safe=_IN_HEADERS, errors="replace")


def json_text(document: Mapping[str, Any]) -> str:
    """Write JSON. Surrogate pairs that a provider broke over two chunks are joined; halves are replaced."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

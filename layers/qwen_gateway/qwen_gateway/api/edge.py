"""Every answer leaves here: OpenAI's shape, request id, CORS, and a status from the one table of errors."""

import json
import math
import string
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from qwen_gateway import observability, ulid
from qwen_gateway.api import event as proxy
from qwen_gateway.api.event import HttpRequest
from qwen_gateway.config import environment
from qwen_gateway.errors import ANSWERS, Answer, Defect, GatewayError, KeyRefused, RequestRefused

EXPOSED = (
    "x-request-id, x-gateway-provider, x-gateway-model, x-gateway-attempts, x-gateway-max-tokens, x-should-retry, "
    "retry-after"
)
"""Headers that a browser's script may read; `*` would not cover requests with an Authorization header."""

ProxyAnswer = dict[str, Any]


class Served(NamedTuple):
    """A whole answer: a JSON body, or a failure, and the headers that say how it came about."""

    body: Mapping[str, Any] | GatewayError
    headers: Mapping[str, str] = {}


Handle = Callable[[HttpRequest, str], Served]


def serve(event: Mapping[str, Any], handle: Handle) -> ProxyAnswer:
    """Answer a proxy event with what `handle(request, request_id)` returns or raises; nothing else gets out."""
    request_id = f"req_{ulid.new(time.time_ns() // 1_000_000)}"
    try:
        served = handle(proxy.read(event), request_id)
    except GatewayError as error:
        return _failed(error, request_id)
    except Exception as unforeseen:  # noqa: BLE001 - whatever it is, the client is answered
        observability.report(unforeseen, request_id)
        return _failed(Defect(unforeseen), request_id)
    if isinstance(served.body, GatewayError):
        return _failed(served.body, request_id, served.headers)
    return _answer(200, served.body, {**served.headers, "x-request-id": request_id})


def _failed(error: GatewayError, request_id: str, headers: Mapping[str, str] = {}) -> ProxyAnswer:
    """Tell a failure as the table of errors has it, and count it."""
    answer = told(error)
    if isinstance(error, RequestRefused | KeyRefused):
        observability.count("request_refused")
    else:
        observability.count(answer.code)
        observability.logger().warning(
            "call failed",
            extra={"request_id": request_id, "cause": type(error).__name__, "status": answer.status},
        )
    extra = {"x-request-id": request_id, **headers}
    if error.retry_after is not None:
        extra["retry-after"] = str(math.ceil(error.retry_after))
    if answer.should_retry is not None:
        extra["x-should-retry"] = str(answer.should_retry).lower()
    return _answer(answer.status, {"error": error_object(error)}, extra)


def told(error: GatewayError) -> Answer:
    """Return the row of the table of errors that a failure is told by."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def error_object(error: GatewayError) -> dict[str, Any]:
    """Return a failure in OpenAI's words."""
    answer = told(error)
    return {"message": error.message, "type": answer.type, "param": error.param, "code": answer.code}


def _answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ProxyAnswer:
    return {
        "statusCode": status,
        "headers": {
            "content-type": "application/json",
            "access-control-allow-origin": environment().allowed_origin,
            "access-control-expose-headers": EXPOSED,
            **{name: _sendable(value) for name, value in headers.items()},
        },
        "body": _text(json.dumps(body, ensure_ascii=False, separators=(",", ":"))),
    }


_IN_HEADERS = string.ascii_letters + string.digits + string.punctuation + " "


def _sendable(value: str) -> str:
    """Percent-encode what no header can hold: a model's name may be in any script, and a line break would end it."""
    return value if value.isascii() and value.isprintable() else quote(value, safe=_IN_HEADERS, errors="replace")


def _text(text: str) -> str:
    """Join surrogate pairs that a provider broke over two chunks; replace halves, which UTF-8 cannot hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

"""A function's answer as the response that API Gateway makes of it (Lambda proxy integration)."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from qwen_gateway_cli.local.front.event import is_binary

_FIELDS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
# API Gateway keeps these for itself and passes the function's under another name (developer guide, "Important notes").
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})
_DROPPED = frozenset({"transfer-encoding"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY = frozenset({204, 304})


class MalformedAnswer(Exception):
    """The function's answer has not the form that a Lambda proxy integration asks for; the message says where."""


def response_of(payload: bytes, accept: str, binary_media_types: frozenset[str]) -> Response:
    """Turn the JSON that a function answered with into a response. Raises MalformedAnswer."""
    answer = _object(payload)
    status = _status(answer.get("statusCode", 200))
    # The first type that the client accepts decides whether it gets bytes or their base64 text.
    decode = answer.get("isBase64Encoded") is True and is_binary(accept.partition(",")[0], binary_media_types)
    body = b"" if status in _WITHOUT_BODY else _body(answer.get("body"), decode)
    response = Response(body, status)
    for name, value in _headers(answer):
        response.headers.append(name, value)
    response.headers.setdefault("content-type", "application/json")
    return response


def _object(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError:
        raise MalformedAnswer("it is no JSON") from None
    if not isinstance(answer, dict):
        raise MalformedAnswer("it is no object")
    if strangers := answer.keys() - _FIELDS:
        raise MalformedAnswer(f"it has unknown fields: {', '.join(sorted(strangers))}")
    return answer


def _status(given: Any) -> int:
    if not (isinstance(given, int | str) and re.fullmatch("[2-5][0-9][0-9]", str(given))):
        raise MalformedAnswer("its statusCode is no status")
    return int(given)


def _body(given: Any, decode: bool) -> bytes:
    if given is None:
        return b""
    if not isinstance(given, str):
        raise MalformedAnswer("its body is no text")
    if not decode:
        return given.encode(errors="replace")
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error:
        raise MalformedAnswer("its body is no base64") from None


def _headers(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every header: both maps together, and a pair that stands in both only once."""
    single, multiple = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(multiple, dict)):
        raise MalformedAnswer("its headers are no object")
    if strangers := [name for name, values in multiple.items() if not isinstance(values, list)]:
        raise MalformedAnswer(f"its multiValueHeaders has no list for {strangers[0]!r}")
    listed = [_header(name, value) for name, values in multiple.items() for value in values]
    alone = [_header(name, value) for name, value in single.items()]
    for header in listed + [header for header in alone if header not in listed]:
        if header[0] not in _DROPPED:
            yield header


def _header(given_name: str, given_value: Any) -> tuple[str, str]:
    name = given_name.lower()
    value = str(given_value).lower() if isinstance(given_value, bool) else given_value
    if not (isinstance(value, str) and _VALUE.fullmatch(value) and _NAME.fullmatch(name)):
        raise MalformedAnswer(f"no HTTP header can hold its header {name!r}")
    return (f"x-amzn-remapped-{name}" if name in _REMAPPED else name), value.strip(" \t")

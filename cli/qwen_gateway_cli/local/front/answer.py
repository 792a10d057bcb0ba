"""A function's whole answer as the response that API Gateway makes of it (Lambda proxy integration, buffered)."""

import base64
import binascii
from typing import Any

from starlette.responses import Response

from qwen_gateway_cli.local.front.event import is_binary
from qwen_gateway_cli.local.front.head import MalformedAnswer, head_of, object_of

_FIELDS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})


def response_of(payload: bytes, accept: str, binary_media_types: frozenset[str]) -> Response:
    """Turn the JSON that a function answered with into a response. Raises MalformedAnswer."""
    answer = object_of(payload, _FIELDS)
    head = head_of(answer)
    # The first type that the client accepts decides whether it gets bytes or their base64 text.
    decode = answer.get("isBase64Encoded") is True and is_binary(accept.partition(",")[0], binary_media_types)
    response = Response(_body(answer.get("body"), decode) if head.has_body else b"", head.status)
    for name, value in head.headers:
        response.headers.append(name, value)
    return response


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

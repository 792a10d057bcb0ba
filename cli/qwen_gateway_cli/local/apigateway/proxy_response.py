"""A function's response as the HTTP response that API Gateway makes of it (Lambda proxy integration).

Sources: the API Gateway developer guide, "Output format of a Lambda function for proxy integration", "Important notes"
and "Lambda proxy integration format for response streaming".
"""

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from starlette.responses import Response

from qwen_gateway_cli.local.apigateway.proxy_event import is_binary

MAX_PRELUDE_BYTES = 16 * 1024
"""API Gateway searches only these first bytes for the delimiter."""

_DELIMITER = bytes(8)
_BUFFERED_FIELDS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
_PRELUDE_FIELDS = frozenset({"statusCode", "headers", "multiValueHeaders", "cookies"})
# API Gateway sends these headers of a function under another name.
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})
_DROPPED = frozenset({"transfer-encoding"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS_WITHOUT_BODY = frozenset({204, 304})


class MalformedResponse(Exception):
    """The function's response does not have the format of a Lambda proxy integration. The message names the field."""


class ResponseHead(NamedTuple):
    """Status and headers."""

    status: int
    headers: list[tuple[str, str]]

    @property
    def allows_body(self) -> bool:
        """Whether HTTP allows a body with this status."""
        return self.status not in _STATUS_WITHOUT_BODY


def build_response(payload: bytes, accept: str, binary_media_types: frozenset[str]) -> Response:
    """Convert the JSON of a buffered response. Raises MalformedResponse."""
    document = _parse_object(payload, _BUFFERED_FIELDS)
    head = _parse_head(document)
    # API Gateway decodes base64 only when the first media type in Accept is a binary one.
    decode = document.get("isBase64Encoded") is True and is_binary(accept.partition(",")[0], binary_media_types)
    response = Response(_parse_body(document.get("body"), decode) if head.allows_body else b"", head.status)
    for name, value in head.headers:
        response.headers.append(name, value)
    return response


async def read_prelude(chunks: AsyncIterator[bytes]) -> tuple[ResponseHead, bytes]:
    """Read the start of a streamed response: the head as JSON, and a delimiter of eight NUL bytes.

    Returns:
        The head, and the payload bytes that arrived in the same chunk.

    Raises:
        MalformedResponse: the head is not valid, or the delimiter is missing.
    """
    received = b""
    async for chunk in chunks:
        received += chunk
        head, delimiter, payload = received.partition(_DELIMITER)
        if len(head) + len(_DELIMITER) > MAX_PRELUDE_BYTES:
            raise MalformedResponse("the first 16 KB have no delimiter of 8 NUL bytes")
        if delimiter:
            return _parse_head(_parse_object(head, _PRELUDE_FIELDS)), payload
    raise MalformedResponse("it ends before the delimiter of 8 NUL bytes")


def _parse_object(text: bytes, allowed_fields: frozenset[str]) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise MalformedResponse("it is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedResponse("it is not an object")
    if unknown := document.keys() - allowed_fields:
        raise MalformedResponse(f"it has unknown fields: {', '.join(sorted(unknown))}")
    return document


def _parse_head(document: dict[str, Any]) -> ResponseHead:
    headers = list(_parse_headers(document))
    if all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return ResponseHead(_parse_status(document.get("statusCode", 200)), headers)


def _parse_status(value: Any) -> int:
    if not (isinstance(value, int | str) and re.fullmatch("[2-5][0-9][0-9]", str(value))):
        raise MalformedResponse("statusCode is not a status")
    return int(value)


def _parse_headers(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of both maps, equal pairs only once, and each cookie."""
    single, multiple = document.get("headers") or {}, document.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(multiple, dict)):
        raise MalformedResponse("its headers are not an object")
    if wrong := [name for name, values in multiple.items() if not isinstance(values, list)]:
        raise MalformedResponse(f"multiValueHeaders has no list for {wrong[0]!r}")
    cookies = document.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedResponse("its cookies are not a list")
    from_lists = [_parse_header(name, value) for name, values in multiple.items() for value in values]
    from_map = [_parse_header(name, value) for name, value in single.items()]
    from_cookies = [_parse_header("set-cookie", cookie) for cookie in cookies]
    for header in from_lists + [header for header in from_map if header not in from_lists] + from_cookies:
        if header[0] not in _DROPPED:
            yield header


def _parse_header(raw_name: str, raw_value: Any) -> tuple[str, str]:
    name = raw_name.lower()
    value = str(raw_value).lower() if isinstance(raw_value, bool) else raw_value
    if not (isinstance(value, str) and _VALUE.fullmatch(value) and _NAME.fullmatch(name)):
        raise MalformedResponse(f"the header {name!r} is not valid in HTTP")
    return (f"x-amzn-remapped-{name}" if name in _REMAPPED else name), value.strip(" \t")


def _parse_body(body: Any, decode: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse("its body is not text")
    if not decode:
        return body.encode(errors="replace")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise MalformedResponse("its body is not base64") from None

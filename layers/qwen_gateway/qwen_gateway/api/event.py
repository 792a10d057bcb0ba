"""A REST API proxy event, version 1.0, as the request that it carries."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.errors import RequestInvalid


class HttpRequest(NamedTuple):
    """What a client sent. Header names are in lower case; of a repeated header the last value counts."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    path_parameters: Mapping[str, str] = {}


def read(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request of an event; whatever an event leaves out or has null is empty.

    Raises:
        RequestInvalid: the body is compressed, or not the base64 that the event says it is.
    """
    headers = _headers(event)
    return HttpRequest(
        method=event.get("httpMethod") or "",
        path=event.get("path") or "",
        headers=headers,
        body=_plain(_body(event), headers.get("content-encoding", "")),
        path_parameters={name: text for name, text in (event.get("pathParameters") or {}).items() if text},
    )


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    single: Mapping[str, Any] = event.get("headers") or {}
    repeated: Mapping[str, Any] = event.get("multiValueHeaders") or {name: [text] for name, text in single.items()}
    return {name.lower(): values[-1] for name, values in repeated.items() if values and values[-1] is not None}


def _body(event: Mapping[str, Any]) -> bytes:
    """A text that cannot be UTF-8 stays visible as bytes that are not."""
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise RequestInvalid("The body is marked as base64 and is none.") from None


def _plain(body: bytes, encoding: str) -> bytes:
    # API Gateway hands compressed bytes on as they are, or as what was left when it took them for text.
    if body and encoding.strip().lower() not in {"", "identity"}:
        raise RequestInvalid("The body has a content-encoding. Send it uncompressed, without that header.")
    return body

"""The request of a REST API proxy event, version 1.0."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.errors import KeyMissing, RequestInvalid


class HttpRequest(NamedTuple):
    """An HTTP request. Header names are in lower case; of a repeated header the last value counts."""

    headers: dict[str, str]
    body: bytes
    path_parameters: Mapping[str, str] = {}


def parse_event(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request of an event; a missing or null field is empty.

    Raises:
        RequestInvalid: the body is compressed, or is not the base64 that the event announces.
    """
    headers = _headers(event)
    return HttpRequest(
        headers=headers,
        body=_reject_encoding(_body(event), headers.get("content-encoding", "")),
        path_parameters={name: text for name, text in (event.get("pathParameters") or {}).items() if text},
    )


def bearer_token(headers: Mapping[str, str]) -> str:
    """Return the token of the `Authorization` header.

    Raises:
        KeyMissing: the header is missing, or is not a bearer token.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "No API key was sent. Put it into the header: Authorization: Bearer sk-qg-..."
        raise KeyMissing(message)
    return token.strip()


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    single: Mapping[str, Any] = event.get("headers") or {}
    repeated: Mapping[str, Any] = event.get("multiValueHeaders") or {name: [text] for name, text in single.items()}
    return {name.lower(): values[-1] for name, values in repeated.items() if values and values[-1] is not None}


def _body(event: Mapping[str, Any]) -> bytes:
    """Return the body. A lone surrogate, which has no UTF-8 form, becomes bytes that are invalid UTF-8."""
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise RequestInvalid("The body is marked as base64 and is none.") from None


def _reject_encoding(body: bytes, encoding: str) -> bytes:
    # API Gateway passes compressed bytes on as they are, or damaged by a conversion to text.
    if body and encoding.strip().lower() not in {"", "identity"}:
        raise RequestInvalid("The body has a content-encoding. Send it uncompressed, without that header.")
    return body

"""A REST API proxy event, version 1.0, as the request that it carries."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple


class HttpRequest(NamedTuple):
    """What a client sent. Header names are in lower case; of a repeated header the last value counts."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def read(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request of an event. A text that cannot be UTF-8 stays visible as bytes that are not."""
    repeated = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    body = event.get("body") or ""
    return HttpRequest(
        method=event.get("httpMethod", ""),
        path=event.get("path", ""),
        headers={name.lower(): values[-1] for name, values in repeated.items() if values},
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass"),
    )

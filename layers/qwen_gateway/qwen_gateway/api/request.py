"""The client's request: a REST API proxy event (version 1.0), its headers, and its JSON body."""

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway import strictjson
from qwen_gateway.api.wire_format import OPENAI, WireFormat
from qwen_gateway.config import environment
from qwen_gateway.errors import KeyMissing, RequestInvalid, RequestTooLarge
from qwen_gateway.request_ids import RequestIds

MAX_CONTAINERS = 200_000
"""Arrays and objects of one body. An empty one takes 3 bytes of JSON and up to 100 bytes of memory, so a body of 5.5 MB
could take more memory than a small function has. Real requests have a few thousand."""
SAFETY_FACTOR = 0.9
"""The part of a client's read timeout that a response may take: the client's timer started before the gateway's, and a
client that times out repeats the call."""

MAX_IDLE_S = 290.0
"""API Gateway closes a connection that is idle for five minutes, and so does Node's fetch; a whole answer is idle until
it is complete."""


class HttpRequest(NamedTuple):
    """An HTTP request. Header names are in lower case; of a repeated header the last value counts.

    `wire` is the form that its client needs. Of a repeated parameter of the query the last value counts.
    """

    ids: RequestIds
    headers: dict[str, str]
    body: bytes
    path_parameters: Mapping[str, str] = {}
    wire: WireFormat = OPENAI
    query: Mapping[str, str] = {}


def parse_event(event: Mapping[str, Any], ids: RequestIds, wire: WireFormat = OPENAI) -> HttpRequest:
    """Return the request of an event; a missing or null field is empty. `wire` is the form of its response.

    Raises:
        RequestInvalid: the body is compressed, or is not the base64 that the event announces.
        RequestTooLarge: the body exceeds the environment's `max_body_bytes`.
    """
    headers = _headers(event)
    return HttpRequest(
        ids=ids,
        headers=headers,
        body=_check_size(_reject_encoding(_read_body(event), headers.get("content-encoding", ""))),
        path_parameters={name: text for name, text in (event.get("pathParameters") or {}).items() if text},
        wire=wire,
        query={name: text for name, text in (event.get("queryStringParameters") or {}).items() if text},
    )


def api_key_token(headers: Mapping[str, str]) -> str:
    """Return the client's API key: the bearer token of `Authorization`, else `x-api-key`, else Azure's `api-key`.

    An `Authorization` header of another scheme, such as an AWS signature, holds no key.

    Raises:
        KeyMissing: no header has a key.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    candidates = (
        bearer if scheme.lower() == "bearer" else "",
        headers.get("x-api-key", ""),
        headers.get("api-key", ""),
    )
    token = next((text for each in candidates if (text := each.strip())), "")
    if not token:
        message = (
            "No API key was sent. Put it into the header Authorization: Bearer sk-qg-..., or, if Authorization is used "
            "otherwise, into the header x-api-key: sk-qg-..."
        )
        raise KeyMissing(message)
    return token


def requested_timeout(headers: Mapping[str, str]) -> float:
    """Return the seconds of `x-gateway-timeout-ms`, after which the client wants the call to end; infinite without."""
    return _seconds(headers.get("x-gateway-timeout-ms"), unit=0.001)


def client_read_timeout(headers: Mapping[str, str]) -> float:
    """Return the seconds in which the client needs the first bytes; infinite if it announces no read timeout.

    openai for Python announces it with every call, openai for Node with calls that set one.
    """
    announced = min(
        _seconds(headers.get("x-stainless-read-timeout"), unit=1), _seconds(headers.get("x-stainless-timeout"), unit=1)
    )
    return announced * SAFETY_FACTOR


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a body.

    Raises:
        RequestInvalid: empty, not UTF-8, not JSON (RFC 8259), nested too deep, with too many arrays and objects, or not
            an object.
    """
    if not body.strip():
        raise RequestInvalid("The body is empty; a JSON object is expected.")
    if _count_containers(body) > MAX_CONTAINERS and _count_containers(_STRING.sub(b"", body)) > MAX_CONTAINERS:
        raise RequestInvalid(f"The body has too many arrays and objects: at most {MAX_CONTAINERS} are read.")
    value = _parse(_decode(body))
    if not isinstance(value, dict):
        raise RequestInvalid(f"The body is a JSON {_KINDS[type(value)]}; an object is expected.")
    return value


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
"""A JSON string, which may contain brackets."""


def _count_containers(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


_KINDS: dict[type, str] = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _decode(body: bytes) -> str:
    if b"\0" in body:
        raise RequestInvalid("The body holds NUL bytes, as UTF-16 and UTF-32 do. Send JSON in UTF-8.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestInvalid(f"The body is not UTF-8: byte {error.start} does not fit. Send JSON in UTF-8.") from None


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of a surrogate, whole pairs included."""


def _parse(text: str) -> Any:
    try:
        value = strictjson.loads(text)
        if _SURROGATE.search(text):
            # It can be half of a pair, which a client cut off or got from a model.
            value = strictjson.loads(strictjson.dumps(value))
    except strictjson.NestedTooDeep as error:
        raise RequestInvalid(f"The body is {error}.") from None
    except ValueError as error:
        raise RequestInvalid(f"The body is not JSON: {_reason(error)}.") from None
    return value


def _reason(error: ValueError) -> str:
    """Return the decoder's message and position, which never quote the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, strictjson.InvalidNumber):
        return str(error)
    return "a number has too many digits"


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    single: Mapping[str, Any] = event.get("headers") or {}
    repeated: Mapping[str, Any] = event.get("multiValueHeaders") or {name: [text] for name, text in single.items()}
    return {name.lower(): values[-1] for name, values in repeated.items() if values and values[-1] is not None}


def _read_body(event: Mapping[str, Any]) -> bytes:
    """Return the body. A lone surrogate, which has no UTF-8 form, becomes bytes that are invalid UTF-8."""
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise RequestInvalid("The body is marked as base64 and is none.") from None


def _check_size(body: bytes) -> bytes:
    limit = environment().max_body_bytes
    if len(body) > limit:
        message = f"The body has {len(body)} bytes; at most {limit} fit. Send images and files as links."
        raise RequestTooLarge(message)
    return body


def _reject_encoding(body: bytes, encoding: str) -> bytes:
    # API Gateway passes compressed bytes on as they are, or damaged by a conversion to text.
    if body and encoding.strip().lower() not in {"", "identity"}:
        raise RequestInvalid("The body has a content-encoding. Send it uncompressed, without that header.")
    return body


def _seconds(value: str | None, unit: float) -> float:
    """Return a header's number in seconds; a missing or invalid one is infinite."""
    try:
        seconds = float(value or "") * unit
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf

"""Parse the JSON object of a request body, with an error message that names the problem."""

import json
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import RequestInvalid, RequestTooLarge

MAX_BODY_BYTES = 5_500_000
"""A Lambda event holds 6 MB, including the escaping of the body."""


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a body.

    Raises:
        RequestTooLarge: more than `MAX_BODY_BYTES` bytes.
        RequestInvalid: empty, not UTF-8, not JSON (RFC 8259), nested too deep, or not an object.
    """
    if len(body) > MAX_BODY_BYTES:
        message = f"The body has {len(body)} bytes; at most {MAX_BODY_BYTES} fit. Send images and files as links."
        raise RequestTooLarge(message)
    if not body.strip():
        raise RequestInvalid("The body is empty; a JSON object is expected.")
    value = _parse(_decode(body))
    if not isinstance(value, dict):
        raise RequestInvalid(f"The body is a JSON {_KINDS[type(value)]}; an object is expected.")
    return value


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


def _parse(text: str) -> Any:
    try:
        value = strictjson.loads(text)
        if "\\u" in text:
            _reject_lone_surrogates(value)
    except strictjson.NestedTooDeep as error:
        raise RequestInvalid(f"The body is {error}.") from None
    except ValueError as error:
        raise RequestInvalid(f"The body is not JSON: {_reason(error)}.") from None
    return value


def _reject_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise RequestInvalid("The body escapes half a surrogate pair (\\ud800 to \\udfff), which is no text.") from None


def _reason(error: ValueError) -> str:
    """Return the decoder's message and position, which never quote the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, strictjson.InvalidNumber):
        return str(error)
    return "a number has too many digits"

"""A request's body as a JSON object, or a refusal that says what is wrong with it."""

import json
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import RequestInvalid, RequestTooLarge

LARGEST = 5_500_000
"""Bytes. A Lambda event holds 6 MB, of which the escaped body is the larger part."""


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body.

    Raises:
        RequestTooLarge: more than `LARGEST` bytes.
        RequestInvalid: empty, not UTF-8, not JSON as RFC 8259 has it, nested too deep, or no object.
    """
    if len(body) > LARGEST:
        message = f"The body has {len(body)} bytes; at most {LARGEST} fit. Send images and files as links."
        raise RequestTooLarge(message)
    if not body.strip():
        raise RequestInvalid("The body is empty; a JSON object is expected.")
    value = _parse(_text(body))
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


def _text(body: bytes) -> str:
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
            _refuse_lone_surrogates(value)
    except strictjson.NestedTooDeep as error:
        raise RequestInvalid(f"The body is {error}.") from None
    except ValueError as error:
        raise RequestInvalid(f"The body is not JSON: {_reason(error)}.") from None
    return value


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise RequestInvalid("The body escapes half a surrogate pair (\\ud800 to \\udfff), which is no text.") from None


def _reason(error: ValueError) -> str:
    """The decoder's words and place. They never quote the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, strictjson.InvalidNumber):
        return str(error)
    return "a number has too many digits"

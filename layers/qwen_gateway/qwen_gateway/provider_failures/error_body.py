"""The bodies of providers' errors, in the forms that are in use."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway import strictjson


class ErrorBody(NamedTuple):
    """The body of a provider's error, in any of its forms; what is missing is empty."""

    message: str
    code: str
    param: str | None


_EMPTY = ErrorBody("", "", None)
_MAX_NESTING = 8
_MAX_TEXT = 1_000
_MESSAGE_FIELDS = (
    *("message", "msg", "error_msg", "error_message", "errorMessage", "error_description", "Message"),
    *("status_msg", "reason"),
)
_CODE_FIELDS = ("code", "type", "error_code", "errorCode", "Code", "status_code")
_NO_ERROR = frozenset(
    {
        *("0", "200", "ok", "success"),
        *("ping", "heartbeat", "keepalive", "keep-alive"),
        *("queued", "pending", "processing"),
    }
)
"""Codes, types and states, in lower case, of documents that are no error although they have a message."""
_EVENT_DATA = re.compile(r"^data:[ \t]*(.+)", re.MULTILINE)
"""The data of a server-sent event, in which some providers send an error although its status is that of an error."""
_UNREADABLE = re.compile(r"<[!?a-zA-Z]|\{|null$")


def parse_error_body(body: Any) -> ErrorBody:
    """Parse the body of an error, as JSON or as text.

    It may be OpenAI's envelope, DashScope's native form, the flat form of vLLM, an `error` or `detail` that is a text,
    FastAPI's list of problems, MiniMax's `base_resp`, or a text or a list that contains one of them.
    """
    return _parse(body, _MAX_NESTING)


def is_error_body(document: Mapping[str, Any]) -> bool:
    """Return whether a document without an answer is an error."""
    if document.get("error"):
        return True
    states = {str(document.get(name)).lower() for name in ("code", "type", "status", "status_code")}
    if states & _NO_ERROR or document.get("success") is True:
        return False
    base = document.get("base_resp")
    if isinstance(base, dict) and not is_error_body(base):
        return False
    return bool(document.get("code") or parse_error_body(document).message)


def _parse(value: Any, nesting: int) -> ErrorBody:
    if not nesting:
        return _EMPTY
    if isinstance(value, str):
        return _parse_text(value.lstrip("\ufeff").strip(), nesting)
    if isinstance(value, list):
        return _join([_parse(item, nesting - 1) for item in value])
    return _parse_object(value, nesting) if isinstance(value, dict) else _EMPTY


def _parse_text(text: str, nesting: int) -> ErrorBody:
    if text.startswith(("{", "[", '"')):
        try:
            return _parse(strictjson.loads(text), nesting - 1)
        except ValueError:
            pass
    if event := _EVENT_DATA.search(text):
        return _parse(event[1], nesting - 1)
    # Neither the error pages of proxies nor broken JSON are for clients.
    is_readable = not _UNREADABLE.match(text)
    return ErrorBody(text[:_MAX_TEXT], "", None) if is_readable else _EMPTY


def _parse_object(body: Mapping[str, Any], nesting: int) -> ErrorBody:
    error = _parse(body.get("error") or body.get("base_resp"), nesting - 1)
    message = _parse_message(body, nesting)
    if isinstance(body.get("error"), str) and message.message:
        # Spring puts the status into `error`.
        error = error._replace(message="")
    details = _join([_parse(body.get(name), nesting - 1) for name in ("detail", "errors")])
    # The envelope of an error has a type of its own, such as "error".
    code = _read_code(body, _CODE_FIELDS[:1] if error.message or error.code else _CODE_FIELDS)
    param = body.get("param")
    return ErrorBody(
        error.message or message.message or details.message,
        error.code or code or message.code or details.code,
        error.param or (param if isinstance(param, str) and param else details.param),
    )


def _parse_message(body: Mapping[str, Any], nesting: int) -> ErrorBody:
    value = next((body[name] for name in _MESSAGE_FIELDS if body.get(name)), None)
    parsed = ErrorBody(value, "", None) if isinstance(value, str) else _parse(value, nesting - 1)
    if isinstance(value, str) and value.startswith(("{", "[")):
        inner = _parse(value, nesting - 1)
        parsed = inner if inner.message else parsed
    location = _format_location(body.get("loc"))
    if location and parsed.message:
        parsed = parsed._replace(message=f"{location}: {parsed.message}")
    cause = _parse_raw(body.get("metadata"), nesting)
    return parsed._replace(message=f"{parsed.message}: {cause}") if cause else parsed


def _parse_raw(metadata: Any, nesting: int) -> str:
    """Return the message of the provider behind OpenRouter, whose own message says only that there was an error."""
    return _parse(metadata.get("raw"), nesting - 1).message if isinstance(metadata, dict) else ""


def _format_location(location: Any) -> str:
    """Return FastAPI's path of a problem, such as `messages.0.role`."""
    names = location if isinstance(location, list) else []
    return ".".join(str(name) for name in names if name != "body")


def _read_code(body: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    if "loc" in body:
        return ""
    values = (body.get(name) for name in fields)
    return next((str(value) for value in values if value and isinstance(value, str | int)), "")


def _join(bodies: list[ErrorBody]) -> ErrorBody:
    """Return several errors as one: their messages, and the first code and parameter."""
    return ErrorBody(
        "; ".join(body.message for body in bodies if body.message),
        next((body.code for body in bodies if body.code), ""),
        next((body.param for body in bodies if body.param), None),
    )

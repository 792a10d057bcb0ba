"""Status and headers of a function's answer, as API Gateway makes them of its JSON (Lambda proxy integration)."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

# API Gateway keeps these for itself and passes the function's under another name (developer guide, "Important notes").
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})
_DROPPED = frozenset({"transfer-encoding"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY = frozenset({204, 304})


class MalformedAnswer(Exception):
    """The function's answer has not the form that a Lambda proxy integration asks for; the message says where."""


class Head(NamedTuple):
    """What goes before the body."""

    status: int
    headers: list[tuple[str, str]]

    @property
    def has_body(self) -> bool:
        """Whether HTTP lets a body follow."""
        return self.status not in _WITHOUT_BODY


def object_of(text: bytes, fields: frozenset[str]) -> dict[str, Any]:
    """Read the JSON object that an answer is, or begins with. Raises MalformedAnswer for other fields than these."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise MalformedAnswer("it is no JSON") from None
    if not isinstance(answer, dict):
        raise MalformedAnswer("it is no object")
    if strangers := answer.keys() - fields:
        raise MalformedAnswer(f"it has unknown fields: {', '.join(sorted(strangers))}")
    return answer


def head_of(answer: dict[str, Any]) -> Head:
    """Return an answer's status and headers, its type among them. Raises MalformedAnswer."""
    headers = list(_headers(answer))
    if all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return Head(_status(answer.get("statusCode", 200)), headers)


def _status(given: Any) -> int:
    if not (isinstance(given, int | str) and re.fullmatch("[2-5][0-9][0-9]", str(given))):
        raise MalformedAnswer("its statusCode is no status")
    return int(given)


def _headers(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every header: both maps together, a pair that stands in both only once, and each cookie."""
    single, multiple = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(multiple, dict)):
        raise MalformedAnswer("its headers are no object")
    if strangers := [name for name, values in multiple.items() if not isinstance(values, list)]:
        raise MalformedAnswer(f"its multiValueHeaders has no list for {strangers[0]!r}")
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedAnswer("its cookies are no list")
    listed = [_header(name, value) for name, values in multiple.items() for value in values]
    alone = [_header(name, value) for name, value in single.items()]
    baked = [_header("set-cookie", cookie) for cookie in cookies]
    for header in listed + [header for header in alone if header not in listed] + baked:
        if header[0] not in _DROPPED:
            yield header


def _header(given_name: str, given_value: Any) -> tuple[str, str]:
    name = given_name.lower()
    value = str(given_value).lower() if isinstance(given_value, bool) else given_value
    if not (isinstance(value, str) and _VALUE.fullmatch(value) and _NAME.fullmatch(name)):
        raise MalformedAnswer(f"no HTTP header can hold its header {name!r}")
    return (f"x-amzn-remapped-{name}" if name in _REMAPPED else name), value.strip(" \t")

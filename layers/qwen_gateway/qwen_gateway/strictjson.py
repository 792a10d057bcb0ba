"""Strict JSON as RFC 8259 defines it, with a depth that can be serialized again, and text that is valid Unicode.

Python's parser also accepts NaN and Infinity, turns numbers above the range of a float into infinity, and nests until
its stack is full.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 2_000
"""Levels. Python's parser and serializer fail near 10,000 levels, but not at the same depth, so a document that was
parsed just below the limit might not be serialized again. Real requests are far below."""


class InvalidNumber(ValueError):
    """A number that JSON does not allow or a float cannot represent; the message names it."""


class NestedTooDeep(ValueError):
    """The document has more than `MAX_DEPTH` levels."""

    def __init__(self) -> None:
        super().__init__(f"nested too deep: at most {MAX_DEPTH} levels are read")


def loads(text: str | bytes) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is not JSON, not UTF-8, nested too deep (`NestedTooDeep`), or contains an invalid number
            (`InvalidNumber`, or an integer of thousands of digits).
    """
    if isinstance(text, bytes):
        text = text.decode()
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM", text, 0)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise NestedTooDeep from None
    # A level takes two characters, so most documents need no check.
    if len(text) > 2 * MAX_DEPTH and _is_too_deep(value):
        raise NestedTooDeep
    return value


def dumps(value: Any) -> str:
    """Return JSON whose text is valid Unicode: halves of a surrogate pair are joined, lone ones become U+FFFD.

    Python's strings can contain halves, which have no UTF-8 form. Models and providers send them.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _reject_constant(name: str) -> NoReturn:
    raise InvalidNumber(f"{name} is no number there")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidNumber("a number is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_parse_float)
"""Shared: `json.loads` with these arguments makes a decoder for each call, which takes as long as parsing a chunk."""


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return False

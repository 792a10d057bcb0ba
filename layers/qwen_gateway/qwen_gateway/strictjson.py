"""JSON as RFC 8259 has it, and no deeper than it can be written again.

Python reads more: NaN, Infinity, as infinite what is too large for a float, and levels until its stack is full.
"""

import json
import math
from typing import Any, NoReturn

DEEPEST = 2_000
"""Levels. Python's reader and writer give up near 10,000, each at a depth of its own, so what is read just below may
not be written any more. Nothing that a model is asked comes near."""


class NumberRefused(ValueError):
    """A number that JSON does not know, or that cannot be passed on; the message says which."""


class NestedTooDeep(ValueError):
    """More than `DEEPEST` levels."""

    def __init__(self) -> None:
        super().__init__(f"nested too deep: at most {DEEPEST} levels are read")


def loads(text: str | bytes) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is no JSON, it is `NestedTooDeep`, or a number in it is none (`NumberRefused`) or has thousands
            of digits.
    """
    if isinstance(text, bytes):
        text = text.decode()
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM", text, 0)
    try:
        value = _READER.decode(text)
    except RecursionError:
        raise NestedTooDeep from None
    # A level takes two characters, so most texts need no look.
    if len(text) > 2 * DEEPEST and _is_too_deep(value):
        raise NestedTooDeep
    return value


def _refuse(name: str) -> NoReturn:
    raise NumberRefused(f"{name} is no number there")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NumberRefused("a number is too large")
    return number


_READER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
"""Made once: `json.loads` makes one a call, which costs as much as reading a chunk."""


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            return True
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return False

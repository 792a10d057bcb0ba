"""JSON as RFC 8259 has it. Python reads more: NaN, Infinity, and as infinite what is too large for a float."""

import json
import math
from typing import Any, NoReturn


class NumberRefused(ValueError):
    """A number that JSON does not know, or that cannot be passed on; the message says which."""


def loads(text: str | bytes) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is no JSON, or a number in it is none (`NumberRefused`) or has thousands of digits.
        RecursionError: it is nested too deep.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _refuse(name: str) -> NoReturn:
    raise NumberRefused(f"{name} is no number there")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NumberRefused("a number is too large")
    return number

"""How long a client waits, as far as it says so, and what stands between it and the gateway."""

import math
from collections.abc import Mapping

_IN_TIME = 0.9
"""The part of a client's patience that an answer may take. It counts from when the client sent the request, and a
client whose patience ends does not read why: it repeats the call."""

LONGEST_QUIET = 290.0
"""Seconds. API Gateway breaks off what is quiet for five minutes, and Node's fetch gives up on it; a whole answer is
quiet until it is there."""


def asked_for(headers: Mapping[str, str]) -> float:
    """Return the seconds after which the client wants the call to be over, with or without an answer."""
    return _seconds(headers.get("x-gateway-timeout-ms"), unit=0.001)


def patience(headers: Mapping[str, str]) -> float:
    """Return the seconds until the client has to hear something: Python's SDK says it always, Node's for one call."""
    announced = min(
        _seconds(headers.get("x-stainless-read-timeout"), unit=1), _seconds(headers.get("x-stainless-timeout"), unit=1)
    )
    return announced * _IN_TIME


def _seconds(value: str | None, unit: float) -> float:
    """A client's number in seconds; what is missing or makes no sense limits nothing."""
    try:
        seconds = float(value or "") * unit
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf

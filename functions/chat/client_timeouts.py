"""The timeouts that a client announces, and the one of the connection between it and the gateway."""

import math
from collections.abc import Mapping

SAFETY_FACTOR = 0.9
"""The part of a client's read timeout that a response may take: the client's timer started before the gateway's, and a
client that times out repeats the call."""

MAX_IDLE_S = 290.0
"""API Gateway closes a connection that is idle for five minutes, and so does Node's fetch; a whole answer is idle until
it is complete."""


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


def _seconds(value: str | None, unit: float) -> float:
    """Return a header's number in seconds; a missing or invalid one is infinite."""
    try:
        seconds = float(value or "") * unit
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf

"""Asks a provider which models it has, as the functions would: directly, without the operator's proxies."""

import json
import time
from typing import Any, NamedTuple

import httpx2

LISTING_S = 10
"""Seconds for the whole list, and the longest single wait for a piece of it."""
_LARGEST = 8 * 2**20


class Reply(NamedTuple):
    """What answered. `document` is None when it is no JSON; `date` is the server's, `asked` and `answered` are ours."""

    status: int
    document: Any
    date: str | None
    asked: float
    answered: float

    @property
    def latency_ms(self) -> int:
        """How long it took until the head of the answer was there."""
        return round((self.answered - self.asked) * 1000)


class NoReply(Exception):
    """Nothing that speaks HTTP answered in time; the message says why."""


def models(url: str, key: str, seconds: float = LISTING_S) -> Reply:
    """GET `url`/models.

    Raises:
        NoReply: it could not be reached, was silent, or sent without end.
    """
    limit = time.monotonic() + seconds
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    asked = time.time()
    try:
        with (
            httpx2.Client(trust_env=False, timeout=seconds, follow_redirects=False) as client,
            client.stream("GET", f"{url}/models", headers=headers) as answer,
        ):
            answered = time.time()
            body = _body(answer, limit)
    except httpx2.TimeoutException:
        raise NoReply(f"no answer within {seconds:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as failure:
        raise NoReply(str(failure) or type(failure).__name__) from None
    return Reply(answer.status_code, _json(body), answer.headers.get("date"), asked, answered)


def _body(answer: httpx2.Response, limit: float) -> bytes:
    """Read to the end: httpx starts its timeout anew with each piece, so a dripping body would outlive it."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if time.monotonic() > limit:
            raise NoReply("the answer drips and did not end in time")
        if len(body) > _LARGEST:
            raise NoReply("the answer has no end")
    return bytes(body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

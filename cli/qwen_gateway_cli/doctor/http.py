"""`GET /models` of a provider. The request ignores the operator's proxies, as the functions do."""

import json
import time
from typing import Any, NamedTuple

import httpx2

MODELS_TIMEOUT_S = 10
"""Limits the whole response, and each wait for a part of it."""
_MAX_BODY_BYTES = 8 * 2**20


class Reply(NamedTuple):
    """A provider's HTTP response.

    Attributes:
        status: the HTTP status.
        document: the parsed JSON body, None when the body is not JSON.
        date: the server's Date header.
        sent: when the request was sent, in seconds since 1970 by this machine's clock.
        received: when the response head arrived, by the same clock.
    """

    status: int
    document: Any
    date: str | None
    sent: float
    received: float

    @property
    def latency_ms(self) -> int:
        """Milliseconds until the response head arrived."""
        return round((self.received - self.sent) * 1000)


class NoReply(Exception):
    """No complete HTTP response arrived in time. The message states the cause."""


def get_models(url: str, key: str, timeout_s: float = MODELS_TIMEOUT_S) -> Reply:
    """Send GET `url`/models.

    Raises:
        NoReply: the connection failed, timed out, or the body was too slow or too long.
    """
    limit = time.monotonic() + timeout_s
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    sent = time.time()
    try:
        with (
            httpx2.Client(trust_env=False, timeout=timeout_s, follow_redirects=False) as client,
            client.stream("GET", f"{url}/models", headers=headers) as response,
        ):
            received = time.time()
            body = _read_body(response, limit)
    except httpx2.TimeoutException:
        raise NoReply(f"no answer within {timeout_s:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NoReply(str(error) or type(error).__name__) from None
    return Reply(response.status_code, _parse_json(body), response.headers.get("date"), sent, received)


def _read_body(response: httpx2.Response, limit: float) -> bytes:
    """Read the body until the time limit: httpx restarts its read timeout with each chunk."""
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if time.monotonic() > limit:
            raise NoReply("the answer arrives too slowly and did not end in time")
        if len(body) > _MAX_BODY_BYTES:
            raise NoReply("the answer is too long")
    return bytes(body)


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

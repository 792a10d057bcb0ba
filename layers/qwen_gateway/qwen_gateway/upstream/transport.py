"""The only module that uses the openai SDK: it sends a call and reads its response as bytes.

The SDK is a transport here. Its retries are off, because the attempt plan counts attempts. Its resources, such as
`client.chat`, are not used: they cost 20 ms to load and 69 microseconds per chunk (one 2-core machine, November 2026).
"""

import email.utils
import math
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import httpcore2
import httpx2
from openai import APIStatusError, Omit, OpenAI, Stream
from openai._models import FinalRequestOptions

from qwen_gateway.coldstart import Prewarm
from qwen_gateway.config import ApiFamily
from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderConnectTimeout,
    ProviderDisconnected,
    ProviderError,
    ProviderIdleDisconnected,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.provider_failures import classify, parse_error_body
from qwen_gateway.upstream.connections import DeadlineTransport
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.timeouts import current as timeouts_of_attempt


class OpenResponse:
    """A response whose body is still being read."""

    def __init__(self, response: httpx2.Response, timeouts: AttemptTimeouts) -> None:
        self._response = response
        self._bytes = response.iter_bytes()
        self._timeouts = timeouts
        self.status = response.status_code
        self.request_id = request_id(response.headers)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, cut anywhere.

        Raises:
            ProviderError: the body was cut off, or nothing arrived in time.
        """
        try:
            # `yield from` would close the body together with this generator, before `drain` reads the rest.
            for piece in self._bytes:  # noqa: UP028
                yield piece
        except httpx2.DecodingError:
            raise ProviderAnswerBroken("the answer's encoding is broken") from None
        except _CONNECTION_ERRORS as error:
            raise _connection_error(error, self._timeouts, has_response=True) from None

    def drain(self) -> None:
        """Read what follows the last event, so that the connection can be reused."""
        self._timeouts.drain()
        with suppress(*_CONNECTION_ERRORS, httpx2.DecodingError):
            for _ in self._bytes:
                pass
        self.close()

    def close(self) -> None:
        """Release the connection if the body was read to its end, else close it."""
        self._response.close()


class Address(NamedTuple):
    """Where a call is sent: an API of a provider by its base URL, and the path below it.

    `headers` are for the provider. Only a POST has a body.
    """

    family: ApiFamily
    url: str
    path: str
    headers: Mapping[str, str] = {}
    method: str = "POST"

    def build_headers(self, key: str) -> dict[str, str | Omit]:
        """Return the headers with the provider's key in the form that its API takes."""
        if self.family == "openai":
            return {**self.headers, "Authorization": f"Bearer {key}"}
        # The version is required; a client's own replaces it.
        return {_VERSION: _OLDEST_VERSION, **self.headers, "x-api-key": key, "Authorization": Omit()}


_VERSION, _OLDEST_VERSION = "anthropic-version", "2023-06-01"


class Transport:
    """Sends calls to any provider over one connection pool."""

    def __init__(self, prewarm: Prewarm | None = None) -> None:
        context = prewarm.ssl_context() if prewarm else ssl.create_default_context()
        pool = DeadlineTransport(context, prewarm)
        self._http = httpx2.Client(transport=pool, follow_redirects=False)
        self._clients: dict[str, OpenAI] = {}

    def open(self, address: Address, key: str, body: Mapping[str, Any], timeouts: AttemptTimeouts) -> OpenResponse:
        """Send a call and return the open response; the caller closes it.

        Raises:
            ProviderError: the provider rejected the call, failed, did not answer in time or could not be reached.
        """
        token = timeouts_of_attempt.set(timeouts)
        try:
            response = self._post(address, key, body).response
        except APIStatusError as error:
            raise _status_error(error) from None
        except _CONNECTION_ERRORS as error:
            raise _connection_error(error, timeouts, has_response=False) from None
        finally:
            timeouts_of_attempt.reset(token)
        return OpenResponse(response, timeouts)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _post(self, address: Address, key: str, body: Mapping[str, Any]) -> Stream[object]:
        # The SDK's own methods cannot stream the answer to a DELETE.
        options = FinalRequestOptions.construct(
            method=address.method.lower(),
            url=address.path,
            headers=address.build_headers(key),
            json_data=body if address.method == "POST" else None,
        )
        return self._client(address.url).request(object, options, stream=True, stream_cls=Stream[object])

    def _client(self, url: str) -> OpenAI:
        if url not in self._clients:
            # Each call sends its own key; the constructor requires one.
            self._clients[url] = OpenAI(base_url=url, api_key="-", max_retries=0, http_client=self._http)
        return self._clients[url]


_MAX_RETRY_AFTER_S = 3600.0
_CONNECTION_ERRORS = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's id of the call."""
    return headers.get("x-request-id") or headers.get("req-cost-id") or None


def _status_error(error: APIStatusError) -> ProviderError:
    body = parse_error_body(_read_text(error.response))
    return classify(error.status_code, body)(
        body.message,
        param=body.param,
        retry_after=retry_after(error.response.headers),
        status=error.status_code,
        code=body.code or None,
        request_id=request_id(error.response.headers),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, at most an hour; None if it is missing or invalid."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(seconds, _MAX_RETRY_AFTER_S) if math.isfinite(seconds) and seconds > 0 else None


def _read_text(response: httpx2.Response) -> str:
    try:
        return response.content.decode(errors="replace")
    except httpx2.StreamError:
        return ""


def _connection_error(error: Exception, timeouts: AttemptTimeouts, *, has_response: bool) -> ProviderError:
    if isinstance(error, httpcore2.ConnectTimeout | httpcore2.PoolTimeout):
        return ProviderConnectTimeout("no connection could be made in time")
    if isinstance(error, httpcore2.ConnectError):
        return ProviderUnreachable("no connection could be made")
    if isinstance(error, httpcore2.TimeoutException):
        return ProviderTimeout(timeouts.exceeded_limit())
    if has_response:
        return ProviderAnswerBroken("the connection broke in mid-answer")
    kind = ProviderDisconnected if timeouts.connected else ProviderIdleDisconnected
    return kind("the connection broke before an answer began")

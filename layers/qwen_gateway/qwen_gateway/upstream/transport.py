"""The one place that knows the openai SDK: a chat call sent, its stream read as bytes.

The SDK serves as a transport. Its retries are off, because the attempts are counted elsewhere; its resources
(`client.chat`) are never touched, because they cost 20 ms to load and 69 microseconds a chunk.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpcore2
import httpx2
from openai import APIStatusError, OpenAI, Stream

from qwen_gateway import strictjson
from qwen_gateway.coldstart import Prewarm
from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderConnectTimeout,
    ProviderDisconnected,
    ProviderError,
    ProviderIdleDisconnected,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.upstream import deadline, failures
from qwen_gateway.upstream.connections import PatientTransport
from qwen_gateway.upstream.deadline import Patience


class OpenStream:
    """A chat call that the provider began to answer with events."""

    def __init__(self, response: httpx2.Response, patience: Patience) -> None:
        self._response = response
        self._bytes = response.iter_bytes()
        self._patience = patience
        self.status = response.status_code
        self.request_id = request_id(response.headers)

    def pieces(self) -> Iterator[bytes]:
        """Return the body as it comes, broken anywhere.

        Raises:
            ProviderError: it was cut off, or the provider was silent.
        """
        try:
            # `yield from` would close the body along with this generator, and `wind_up` goes on with it.
            for piece in self._bytes:  # noqa: UP028
                yield piece
        except httpx2.DecodingError:
            raise ProviderAnswerBroken("the answer's encoding is broken") from None
        except _BROKEN as error:
            raise _disconnected(error, self._patience, began=True) from None

    def wind_up(self) -> None:
        """Take what follows the last event, so that the connection can serve the next call."""
        self._patience.wind_up()
        with suppress(*_BROKEN, httpx2.DecodingError):
            for _ in self._bytes:
                pass
        self.close()

    def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        self._response.close()


class Transport:
    """Sends chat calls to any provider over one pool of connections."""

    def __init__(self, prewarm: Prewarm | None = None) -> None:
        context = prewarm.ssl_context() if prewarm else ssl.create_default_context()
        pool = PatientTransport(context, prewarm)
        self._http = httpx2.Client(transport=pool, follow_redirects=False)
        self._clients: dict[str, OpenAI] = {}

    def open(self, url: str, key: str, body: Mapping[str, Any], patience: Patience) -> OpenStream:
        """Call `url`/chat/completions and return the open stream, which has to be closed.

        Raises:
            ProviderError: the provider refused, failed, was silent or could not be reached.
        """
        token = deadline.current.set(patience)
        try:
            response = self._post(url, key, body).response
        except APIStatusError as error:
            raise _refusal(error) from None
        except _BROKEN as error:
            raise _disconnected(error, patience, began=False) from None
        finally:
            deadline.current.reset(token)
        stream = OpenStream(response, patience)
        if "text/event-stream" not in response.headers.get("content-type", ""):
            stream.close()
            message = "the answer was no event stream"
            raise ProviderAnswerBroken(message, status=stream.status, request_id=stream.request_id)
        return stream

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _post(self, url: str, key: str, body: Mapping[str, Any]) -> Stream[object]:
        return self._client(url).post(
            "/chat/completions",
            cast_to=object,
            body=body,
            options={"headers": {"Authorization": f"Bearer {key}"}},
            stream=True,
            stream_cls=Stream[object],
        )

    def _client(self, url: str) -> OpenAI:
        if url not in self._clients:
            # Each call brings its own key; the SDK wants one all the same.
            self._clients[url] = OpenAI(base_url=url, api_key="-", max_retries=0, http_client=self._http)
        return self._clients[url]


_BROKEN = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id that the provider gave the call."""
    return headers.get("x-request-id") or headers.get("req-cost-id") or None


def _refusal(error: APIStatusError) -> ProviderError:
    words = failures.said(_json(error.response))
    kind = failures.cause(error.status_code, words)
    return kind(
        words.message,
        param=words.param,
        retry_after=failures.retry_after(error.response.headers),
        status=error.status_code,
        code=words.code or None,
        request_id=request_id(error.response.headers),
    )


def _json(response: httpx2.Response) -> Any:
    try:
        return strictjson.loads(response.content)
    except (ValueError, httpx2.StreamError):
        return None


def _disconnected(error: Exception, patience: Patience, *, began: bool) -> ProviderError:
    if isinstance(error, httpcore2.ConnectTimeout | httpcore2.PoolTimeout):
        return ProviderConnectTimeout("no connection could be made in time")
    if isinstance(error, httpcore2.ConnectError):
        return ProviderUnreachable("no connection could be made")
    if isinstance(error, httpcore2.TimeoutException):
        return ProviderTimeout(patience.reason())
    if began:
        return ProviderAnswerBroken("the connection broke in mid-answer")
    kind = ProviderDisconnected if patience.connected else ProviderIdleDisconnected
    return kind("the connection broke before an answer began")

"""The connections to providers: a pool whose every wait ends when the attempt's patience does.

httpx takes one read timeout a request, and it starts anew with each byte. So the pool gets a network backend
that asks `deadline.current` before each wait. Failures are httpcore's own exceptions.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore2
import httpx2

from qwen_gateway.upstream import deadline

_MOST_CONNECTIONS = 50
_SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class _PatientStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - see the head
        return self._inner.read(max_bytes, _remaining(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, _remaining(httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _PatientStream(self._inner.start_tls(ssl_context, server_hostname, _time_to_connect()))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _PatientBackend(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[_SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError("the name has no address")
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            # Each gets its share: `create_connection` would give the whole time to every address of a name.
            share = _time_to_connect() / (len(addresses) - tried)
            try:
                return _PatientStream(super().connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


def _remaining(timeout: type[httpcore2.TimeoutException]) -> float:
    seconds = deadline.current.get().wait()
    if seconds <= 0:
        raise timeout
    return seconds


def _time_to_connect() -> float:
    seconds = deadline.current.get().connect()
    if seconds <= 0:
        raise httpcore2.ConnectTimeout
    return seconds


class _Body(httpx2.SyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()


class PatientTransport(httpx2.BaseTransport):
    """An httpx transport over the patient pool; the way in for the openai SDK."""

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=5,
            network_backend=_PatientBackend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the answer's body is still to be read."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"timeout": {"pool": deadline.current.get().connect()}},
            )
        )
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

"""The connection pool, in which every wait is limited by the timeouts of the attempt.

httpx takes one read timeout per request, and starts it again with each byte. So a request passes its `AttemptTimeouts`
as timeout, which the pool hands to the network backend unchanged; the backend asks it before each wait, in whichever
thread that happens. Errors are those of httpcore.
"""

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

from qwen_gateway.coldstart import Prewarm
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.timeouts import current as timeouts_of_attempt

MAX_CONNECTIONS = 50
_SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        # Runs once per chunk, and `_map_errors` would cost more than the rest.
        try:
            self._socket.settimeout(_read_seconds(timeout, httpcore2.ReadTimeout))
            return self._socket.recv(max_bytes)
        except TimeoutError:
            raise httpcore2.ReadTimeout from None
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        with _map_errors(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._socket.settimeout(_read_seconds(timeout, httpcore2.WriteTimeout))
            self._socket.sendall(buffer)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: Any = None,
    ) -> httpcore2.NetworkStream:
        if isinstance(self._socket, ssl.SSLSocket):
            # The prewarmed connection has TLS already.
            return self
        with _map_errors(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            self._socket.settimeout(_connect_seconds(timeout))
            return _DeadlineStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))

    def get_extra_info(self, info: str) -> Any:
        return self._is_readable() if info == "is_readable" else None

    def _is_readable(self) -> bool:
        """Return whether data arrived on an idle connection, which means that the server closed it."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))


class _DeadlineBackend(httpcore2.NetworkBackend):
    def __init__(self, prewarm: Prewarm | None) -> None:
        self._prewarm = prewarm

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[_SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        if self._prewarm and (connection := self._prewarm.take(host, port, _connect_seconds(timeout) / 2)):
            return _DeadlineStream(connection)
        failure: Exception = httpcore2.ConnectError("the name has no address")
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            # Each address gets a share: `create_connection` would give the whole time to every address of a name.
            share = _connect_seconds(timeout) / (len(addresses) - tried)
            try:
                with _map_errors(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                    connection = socket.create_connection((address, port), share)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                timeout.connected = True
                return _DeadlineStream(connection)
        raise failure


@contextmanager
def _map_errors(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Raise httpcore's exceptions for a socket's."""
    try:
        yield
    except TimeoutError:
        raise timeout from None
    except OSError as error:
        raise failure(str(error)) from error


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


def _read_seconds(timeouts: AttemptTimeouts, error: type[httpcore2.TimeoutException]) -> float:
    seconds = timeouts.read_seconds()
    if seconds <= 0:
        raise error
    return seconds


def _connect_seconds(timeouts: AttemptTimeouts) -> float:
    seconds = timeouts.connect_seconds()
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


class DeadlineTransport(httpx2.BaseTransport):
    """The httpx transport of the openai SDK: a connection pool that keeps to the timeouts of each attempt."""

    def __init__(self, ssl_context: ssl.SSLContext, prewarm: Prewarm | None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=5,
            network_backend=_DeadlineBackend(prewarm),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the caller reads the body of the response."""
        url, timeouts = request.url, timeouts_of_attempt.get()
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions={
                    "timeout": {
                        "pool": timeouts.connect_seconds(),
                        "connect": timeouts,
                        "write": timeouts,
                        "read": timeouts,
                    }
                },
            )
        )
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

"""The connections to providers: a pool whose every wait ends when the attempt's patience does.

httpx takes one read timeout a request, and it starts anew with each byte. So a request's timeout is its attempt's
`Patience` here, which the pool hands on to the network backend as it is, and which is asked before each wait: in
whatever thread that happens. Failures are httpcore's own exceptions.
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
from qwen_gateway.upstream import deadline
from qwen_gateway.upstream.deadline import Patience

MOST_CONNECTIONS = 50
_SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class _PatientStream(httpcore2.NetworkStream):
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        # Once a chunk: `_told` would cost more than the rest.
        try:
            self._socket.settimeout(_remaining(timeout, httpcore2.ReadTimeout))
            return self._socket.recv(max_bytes)
        except TimeoutError:
            raise httpcore2.ReadTimeout from None
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        with _told(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._socket.settimeout(_remaining(timeout, httpcore2.WriteTimeout))
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
            # The connection with a head start has it already.
            return self
        with _told(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            self._socket.settimeout(_time_to_connect(timeout))
            return _PatientStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))

    def get_extra_info(self, info: str) -> Any:
        return self._is_readable() if info == "is_readable" else None

    def _is_readable(self) -> bool:
        """Whether something arrived unasked, which on an idle connection is the server's goodbye."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))


class _PatientBackend(httpcore2.NetworkBackend):
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
        if self._prewarm and (begun := self._prewarm.take(host, port, _time_to_connect(timeout) / 2)):
            return _PatientStream(begun)
        failure: Exception = httpcore2.ConnectError("the name has no address")
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            # Each gets its share: `create_connection` would give the whole time to every address of a name.
            share = _time_to_connect(timeout) / (len(addresses) - tried)
            try:
                with _told(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                    connection = socket.create_connection((address, port), share)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                timeout.connected = True
                return _PatientStream(connection)
        raise failure


@contextmanager
def _told(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Tell a socket's errors as httpcore's."""
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


def _remaining(patience: Patience, timeout: type[httpcore2.TimeoutException]) -> float:
    seconds = patience.wait()
    if seconds <= 0:
        raise timeout
    return seconds


def _time_to_connect(patience: Patience) -> float:
    seconds = patience.connect()
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

    def __init__(self, ssl_context: ssl.SSLContext, prewarm: Prewarm | None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=5,
            network_backend=_PatientBackend(prewarm),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the answer's body is still to be read."""
        url, patience = request.url, deadline.current.get()
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions={
                    "timeout": {
                        "pool": patience.connect(),
                        "connect": patience,
                        "write": patience,
                        "read": patience,
                    }
                },
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

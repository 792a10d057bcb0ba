"""What takes time outside of the processor, begun in a thread while Lambda initialises.

Importing the openai SDK keeps the processor busy for half of a cold start. Meanwhile the certificates are loaded, which
is C code without the interpreter's lock, and the first connection to a provider is made: with a provider on another
continent its handshakes take longer than the import.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from urllib.parse import urlsplit

_CONNECT = 5
"""Seconds for one address."""
_FRESH = 5
"""Seconds for which a connection that was never used is trusted: servers close idle ones, and Lambda freezes us."""
_PORTS = {"http": 80, "https": 443}


class HeadStart:
    """The TLS context, and a connection to the server of one URL. Nothing of it has to succeed."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
        self._clock = clock
        self._context: Future[ssl.SSLContext] = Future()
        self._connection: Future[tuple[socket.socket, float]] = Future()
        self._taken = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context with the usual certificate authorities; it waits for the thread."""
        return self._context.result()

    def take(self, host: str, port: int, seconds: float) -> socket.socket | None:
        """Return the connection to this server, once, with TLS if its URL asks for it.

        Waits at most `seconds` for one that is being made. None when there is none, or it has grown old.
        """
        if (host, port) != self._address or not self._taken.acquire(blocking=False):
            return None
        try:
            connection, made_at = self._connection.result(seconds)
        except (OSError, TimeoutError):
            return None
        if self._clock() - made_at > _FRESH:
            connection.close()
            return None
        return connection

    def _run(self) -> None:
        _fulfil(self._context, ssl.create_default_context)
        _fulfil(self._connection, self._connect)

    def _connect(self) -> tuple[socket.socket, float]:
        connection = socket.create_connection(self._address, _CONNECT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self.ssl_context().wrap_socket(connection, server_hostname=self._address[0])
        return connection, self._clock()


def _fulfil[T](promise: Future[T], make: Callable[[], T]) -> None:
    try:
        promise.set_result(make())
    except Exception as failure:  # noqa: BLE001 - it belongs to whoever asks for the result
        promise.set_exception(failure)

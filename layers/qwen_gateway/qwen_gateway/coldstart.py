"""Work that waits for the network or runs without the interpreter's lock, started in a thread during INIT.

Importing the openai SDK keeps the processor busy for half of a cold start. In the meantime the thread loads the
certificates, which is C code without the interpreter's lock, and opens the first connection to a provider. The
handshakes with a provider on another continent take longer than the import.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from urllib.parse import urlsplit

_CONNECT_TIMEOUT_S = 5
"""For each address of the host."""
_MAX_AGE_S = 5
"""Age up to which an unused connection is trusted: servers close idle connections, and Lambda freezes the process."""
_PORTS = {"http": 80, "https": 443}


class Prewarm:
    """The TLS context and a connection to the server of one URL, both made in the background. Either may fail."""

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
        """Wait for the TLS context with the default certificate authorities and return it.

        Raises:
            OSError: the certificates could not be loaded.
        """
        return self._context.result()

    def take(self, host: str, port: int, seconds: float) -> socket.socket | None:
        """Return the connection to this server, with TLS when the URL has the scheme https. It is returned only once.

        Waits up to `seconds` for a connection that is being opened. Returns None for another server, after a failure,
        after the timeout, and for a connection older than 5 seconds.
        """
        if (host, port) != self._address or not self._taken.acquire(blocking=False):
            return None
        try:
            connection, opened_at = self._connection.result(seconds)
        except (OSError, TimeoutError):
            return None
        if self._clock() - opened_at > _MAX_AGE_S:
            connection.close()
            return None
        return connection

    def _run(self) -> None:
        _resolve(self._context, ssl.create_default_context)
        _resolve(self._connection, self._connect)

    def _connect(self) -> tuple[socket.socket, float]:
        connection = socket.create_connection(self._address, _CONNECT_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self.ssl_context().wrap_socket(connection, server_hostname=self._address[0])
        return connection, self._clock()


def _resolve[T](future: Future[T], make: Callable[[], T]) -> None:
    try:
        future.set_result(make())
    except Exception as failure:  # noqa: BLE001 - result() raises it in the thread that needs the value
        future.set_exception(failure)

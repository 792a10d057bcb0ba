"""A response that is posted while it is produced: in chunks, with keep-alive comments and errors in trailers.

Protocol: the Lambda developer guide, "Building a custom runtime", section on response streaming.
"""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from qwen_gateway.runtime.invocation_error import InvocationError

_ERROR_TYPE, _ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
_HEADERS = {
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Trailer": f"{_ERROR_TYPE}, {_ERROR_BODY}",
}
_DELIMITER = bytes(8)
_MIN_TIMEOUT_S = 0.001
_MAX_TIMEOUT_S = 900.0
"""Lambda's limit for one invocation."""
_PING = b": ping\n"
"""A comment, without the blank line that ends an event: openai-go before 3.43 parses an event at each blank line, and
fails if it has no data."""


class ResponseWriter:
    """Writes one streamed response. After the connection broke, it drops all further data.

    Args:
        connection: to the Runtime API.
        path: where the response of this invocation is posted.
        seconds_left: returns the seconds that writes may still take.
    """

    def __init__(self, connection: HTTPConnection, path: str, seconds_left: Callable[[], float]) -> None:
        self._connection = connection
        self._seconds_left = seconds_left
        self._lock = threading.Lock()
        self._last_write = 0.0
        self.is_broken = False
        self._send_headers(path)

    def timeout(self) -> float:
        """Return the timeout in seconds for the next socket operation."""
        return min(max(_MIN_TIMEOUT_S, self._seconds_left()), _MAX_TIMEOUT_S)

    def _send_headers(self, path: str) -> None:
        try:
            self._connection.putrequest("POST", path)
            for name, value in _HEADERS.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
        except (OSError, HTTPException):
            self.is_broken = True

    def send_prelude(self, prelude: bytes) -> None:
        """Send the status and headers of the HTTP response, as JSON."""
        self.send(prelude + _DELIMITER)

    def send(self, data: bytes) -> None:
        """Send a part of the body as one chunk. Empty data is skipped, because an empty chunk ends the body."""
        if data:
            with self._lock:
                self._write(_encode_chunk(data))

    @contextmanager
    def keep_alive(self, interval_s: float | None) -> Iterator[None]:
        """Send a comment whenever nothing was sent for `interval_s` seconds; None sends no comments."""
        if interval_s is None:
            yield
            return
        is_over = threading.Event()
        pings = threading.Thread(target=self._ping, args=(interval_s, is_over), name="pings", daemon=True)
        pings.start()
        try:
            yield
        finally:
            is_over.set()
            pings.join()

    def end(self, error: InvocationError | None = None) -> None:
        """End the body. An error is sent in the trailers and marks the body as incomplete."""
        trailers = b""
        if error:
            kind, body = error.type.encode("ascii", "replace"), base64.b64encode(error.body())
            trailers = b"%b: %b\r\n%b: %b\r\n" % (_ERROR_TYPE.encode(), kind, _ERROR_BODY.encode(), body)
        self._write(b"0\r\n%b\r\n" % trailers)

    def _ping(self, interval_s: float, is_over: threading.Event) -> None:
        wait = interval_s
        while not is_over.wait(wait):
            with self._lock:
                wait = self._last_write + interval_s - time.monotonic()
                if wait <= 0:
                    self._write(_encode_chunk(_PING))
                    wait = interval_s

    def _write(self, data: bytes) -> None:
        if self.is_broken:
            return
        try:
            self._connection.sock.settimeout(self.timeout())
            self._connection.send(data)
            self._last_write = time.monotonic()
        except OSError:
            self.is_broken = True


def _encode_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

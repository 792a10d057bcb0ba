"""An answer that is posted while it is made: in chunks, quiet filled with comments, a late failure in the trailers.

Source of the protocol: the Lambda developer guide, "Building a custom runtime", under response streaming.
"""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from qwen_gateway.runtime.faults import Fault

_TYPE, _BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
_HEADERS = {
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Trailer": f"{_TYPE}, {_BODY}",
}
_DELIMITER = bytes(8)
_LONGEST = 900.0
"""Seconds that Lambda lets a call take."""
_PING = b": ping\n\n"


class Outgoing:
    """A response on its way. Once it cannot be sent any more, what is given to it is dropped.

    Args:
        connection: to the Runtime API.
        path: where this call's response is posted.
        left: seconds that writing may still take.
    """

    def __init__(self, connection: HTTPConnection, path: str, left: Callable[[], float]) -> None:
        self._connection = connection
        self._left = left
        self._lock = threading.Lock()
        self._last = 0.0
        self.is_broken = False
        self._begin(path)

    def left(self) -> float:
        """Return the seconds that may still be waited, for a socket."""
        return min(max(0.001, self._left()), _LONGEST)

    def _begin(self, path: str) -> None:
        try:
            self._connection.putrequest("POST", path)
            for name, value in _HEADERS.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
        except (OSError, HTTPException):
            self.is_broken = True

    def head(self, head: bytes) -> None:
        """Send status and headers of the response within, as JSON."""
        self.send(head + _DELIMITER)

    def send(self, data: bytes) -> None:
        """Send a piece of the body by itself; an empty one would end it, and is left out."""
        if data:
            with self._lock:
                self._write(_framed(data))

    @contextmanager
    def filling_quiet(self, seconds: float | None) -> Iterator[None]:
        """Send a comment whenever nothing was sent for so long, unless it is None."""
        if seconds is None:
            yield
            return
        is_over = threading.Event()
        pings = threading.Thread(target=self._ping, args=(seconds, is_over), name="pings", daemon=True)
        pings.start()
        try:
            yield
        finally:
            is_over.set()
            pings.join()

    def end(self, fault: Fault | None = None) -> None:
        """End the body; with a fault, which goes into the trailers, it is known to be no whole one."""
        trailers = b""
        if fault:
            kind, body = fault.type.encode("ascii", "replace"), base64.b64encode(fault.body())
            trailers = b"%b: %b\r\n%b: %b\r\n" % (_TYPE.encode(), kind, _BODY.encode(), body)
        self._write(b"0\r\n%b\r\n" % trailers)

    def _ping(self, seconds: float, is_over: threading.Event) -> None:
        wait = seconds
        while not is_over.wait(wait):
            with self._lock:
                wait = self._last + seconds - time.monotonic()
                if wait <= 0:
                    self._write(_framed(_PING))
                    wait = seconds

    def _write(self, data: bytes) -> None:
        if self.is_broken:
            return
        try:
            self._connection.sock.settimeout(self.left())
            self._connection.send(data)
            self._last = time.monotonic()
        except OSError:
            self.is_broken = True


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

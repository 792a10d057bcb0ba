"""A client for the Lambda Runtime API: one persistent connection, one request at a time."""

import sys
from collections.abc import Callable
from http.client import BAD_REQUEST, OK, HTTPConnection, HTTPException
from typing import NamedTuple

from qwen_gateway.runtime.invocation_error import InvocationError
from qwen_gateway.runtime.response_writer import ResponseWriter

ROOT = "/2018-06-01/runtime"


class RuntimeApiGone(Exception):
    """The Runtime API does not answer: the environment is being shut down."""


class Invocation(NamedTuple):
    """One invocation, as `GET /invocation/next` returns it."""

    request_id: str
    event: bytes
    deadline_ms: int
    """Milliseconds since the epoch."""
    function_arn: str
    trace_id: str | None


class RuntimeApi:
    """The requests of a Lambda runtime. Each raises RuntimeApiGone when the connection fails."""

    def __init__(self, address: str) -> None:
        # Waiting for an invocation has no timeout, also when a library changes the default timeout of sockets.
        self._connection = HTTPConnection(address, timeout=None)

    def next(self) -> Invocation:
        """Wait for the next invocation."""
        status, headers, event = self._exchange("GET", "/invocation/next")
        if status != OK:
            raise RuntimeApiGone(f"the Runtime API returned status {status} for the next invocation")
        return Invocation(
            request_id=headers["lambda-runtime-aws-request-id"],
            event=event,
            deadline_ms=int(headers["lambda-runtime-deadline-ms"]),
            function_arn=headers["lambda-runtime-invoked-function-arn"],
            trace_id=headers.get("lambda-runtime-trace-id"),
        )

    def respond(self, request_id: str, response: bytes) -> None:
        """Post a buffered response, JSON in UTF-8."""
        self._post(f"/invocation/{request_id}/response", response, {})

    def stream(self, request_id: str, seconds_left: Callable[[], float]) -> ResponseWriter:
        """Start to post a response in streaming mode; `seconds_left` returns how long writes may still take."""
        return ResponseWriter(self._connection, f"{ROOT}/invocation/{request_id}/response", seconds_left)

    def finish(self, request_id: str, writer: ResponseWriter) -> None:
        """Read the Runtime API's reply after a streamed response has ended."""
        if writer.is_broken:
            raise RuntimeApiGone("the connection to the Runtime API broke")
        try:
            self._connection.sock.settimeout(writer.timeout())
            reply = self._connection.getresponse()
            reply.read()
            if self._connection.sock:
                self._connection.sock.settimeout(None)
        except (OSError, HTTPException) as cause:
            raise RuntimeApiGone("the connection to the Runtime API broke") from cause
        _log_rejection(reply.status, f"/invocation/{request_id}/response")

    def fail(self, request_id: str, error: InvocationError) -> None:
        """Post that the invocation failed; the environment stays alive."""
        self._post(f"/invocation/{request_id}/error", error.body(), _error_headers(error))

    def fail_init(self, error: InvocationError) -> None:
        """Post that INIT failed; the process has to exit afterwards."""
        self._post("/init/error", error.body(), _error_headers(error))

    def _post(self, path: str, body: bytes, headers: dict[str, bytes]) -> None:
        status, _, _ = self._exchange("POST", path, body, {"Content-Type": b"application/json", **headers})
        _log_rejection(status, path)

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, bytes] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            self._connection.request(method, ROOT + path, body, headers or {})
            reply = self._connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        except (OSError, HTTPException) as cause:
            raise RuntimeApiGone("the connection to the Runtime API broke") from cause


def _log_rejection(status: int, path: str) -> None:
    # Lambda has already failed the invocation when it rejects a response, for example one above 6 MB.
    if status >= BAD_REQUEST:
        print(f"The Runtime API rejected POST {path} with status {status}.", file=sys.stderr)


def _error_headers(error: InvocationError) -> dict[str, bytes]:
    return {"Lambda-Runtime-Function-Error-Type": error.type.encode("ascii", "replace")}

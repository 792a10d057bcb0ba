"""The Lambda Runtime API as a client: one kept-alive connection, one request at a time."""

import sys
from collections.abc import Callable
from http.client import BAD_REQUEST, OK, HTTPConnection, HTTPException
from typing import NamedTuple

from qwen_gateway.runtime.faults import Fault
from qwen_gateway.runtime.outgoing import Outgoing

ROOT = "/2018-06-01/runtime"


class RuntimeApiGone(Exception):
    """The Runtime API answers no more: the environment is being taken down."""


class Invocation(NamedTuple):
    """One call, as `next` hands it over."""

    request_id: str
    event: bytes
    deadline_ms: int
    """Milliseconds since the epoch."""
    function_arn: str
    trace_id: str | None
    client_context: str | None
    """A JSON object."""
    identity: str | None
    """A JSON object."""


class RuntimeApi:
    """The requests that a runtime makes. Each raises RuntimeApiGone when there is nobody to answer."""

    def __init__(self, address: str) -> None:
        # Waiting for the next call has no limit, whatever default a handler's library sets for sockets.
        self._connection = HTTPConnection(address, timeout=None)

    def next(self) -> Invocation:
        """Wait for the next call."""
        status, headers, event = self._exchange("GET", "/invocation/next")
        if status != OK:
            raise RuntimeApiGone(f"the Runtime API refused the next call with status {status}")
        return Invocation(
            request_id=headers["lambda-runtime-aws-request-id"],
            event=event,
            deadline_ms=int(headers["lambda-runtime-deadline-ms"]),
            function_arn=headers["lambda-runtime-invoked-function-arn"],
            trace_id=headers.get("lambda-runtime-trace-id"),
            client_context=headers.get("lambda-runtime-client-context"),
            identity=headers.get("lambda-runtime-cognito-identity"),
        )

    def respond(self, request_id: str, answer: bytes) -> None:
        """Post the answer, JSON in UTF-8."""
        self._post(f"/invocation/{request_id}/response", answer, {})

    def stream(self, request_id: str, left: Callable[[], float]) -> Outgoing:
        """Begin to post an answer in streaming mode; `left` are the seconds that writing may take."""
        return Outgoing(self._connection, f"{ROOT}/invocation/{request_id}/response", left)

    def finish(self, request_id: str, outgoing: Outgoing) -> None:
        """Read what the Runtime API says to an answer that was streamed and ended."""
        if outgoing.is_broken:
            raise RuntimeApiGone("the connection to the Runtime API broke")
        try:
            self._connection.sock.settimeout(outgoing.left())
            response = self._connection.getresponse()
            response.read()
            if self._connection.sock:
                self._connection.sock.settimeout(None)
        except (OSError, HTTPException) as cause:
            raise RuntimeApiGone("the connection to the Runtime API broke") from cause
        _complain(response.status, f"/invocation/{request_id}/response")

    def fail(self, request_id: str, fault: Fault) -> None:
        """Post that the call failed; the environment goes on."""
        self._post(f"/invocation/{request_id}/error", fault.body(), _fault_headers(fault))

    def fail_init(self, fault: Fault) -> None:
        """Post that no call can be served; the process has to end after it."""
        self._post("/init/error", fault.body(), _fault_headers(fault))

    def _post(self, path: str, body: bytes, headers: dict[str, bytes]) -> None:
        status, _, _ = self._exchange("POST", path, body, {"Content-Type": b"application/json", **headers})
        _complain(status, path)

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, bytes] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            self._connection.request(method, ROOT + path, body, headers or {})
            response = self._connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        except (OSError, HTTPException) as cause:
            raise RuntimeApiGone("the connection to the Runtime API broke") from cause


def _complain(status: int, path: str) -> None:
    # A refused answer, one above 6 MB for instance, has already failed the call: there is nothing left to report.
    if status >= BAD_REQUEST:
        print(f"The Runtime API refused POST {path} with status {status}.", file=sys.stderr)


def _fault_headers(fault: Fault) -> dict[str, bytes]:
    return {"Lambda-Runtime-Function-Error-Type": fault.type.encode("ascii", "replace")}

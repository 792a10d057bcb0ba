"""An emulated Lambda Runtime API for one function process.

Each process connects to its own port, so the port identifies the execution environment. Source of the protocol: the
Lambda developer guide, "Using the Lambda runtime API".
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import h11

from qwen_gateway_cli.local.apigateway.invocation import FunctionFailed, FunctionResponse, Invocation

MAX_RESPONSE_BYTES = 6_291_556
"""Lambda's limit for a buffered response: 6 MB and 100 bytes."""

_READ_BYTES = 65_536
_INVOCATION = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_STREAMING_HEADERS = {
    b"lambda-runtime-function-response-mode": b"streaming",
    b"content-type": b"application/vnd.awslambda.http-integration-response",
}


class HttpReply(NamedTuple):
    """A reply of the Runtime API to a process."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]


_ACCEPTED = HttpReply(202, b'{"status":"OK"}\n', [])


class HttpConnection:
    """The server side of one HTTP/1.1 connection, with access to request chunks and trailers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = h11.Connection(h11.SERVER)
        self.trailers: dict[str, str] = {}
        """The trailers of the last body that was read to its end."""

    async def requests(self) -> AsyncIterator[h11.Request]:
        """Yield each request until the peer disconnects or violates HTTP.

        The caller has to read the body and reply before the next request.
        """
        while isinstance(request := await self._next_event(), h11.Request):
            yield request
            if self._connection.our_state is not h11.DONE or self._connection.their_state is not h11.DONE:
                return
            self._connection.start_next_cycle()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the request's body on arrival. Raises ConnectionError when the body is incomplete."""
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ConnectionResetError
            yield bytes(event.data)
        self.trailers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}

    async def read_body(self) -> bytes | None:
        """Read a body to its end; return None when it exceeds Lambda's limit."""
        chunks, size = [], 0
        async for chunk in self.body():
            size += len(chunk)
            if size <= MAX_RESPONSE_BYTES:
                chunks.append(chunk)
        return b"".join(chunks) if size <= MAX_RESPONSE_BYTES else None

    async def reply(self, reply: HttpReply) -> None:
        """Send a reply in one write."""
        headers = [*reply.headers, ("content-type", "application/json"), ("content-length", str(len(reply.body)))]
        events = [
            h11.Response(status_code=reply.status, headers=headers),
            h11.Data(data=reply.body),
            h11.EndOfMessage(),
        ]
        self._writer.write(b"".join(self._connection.send(event) or b"" for event in events))
        await self._writer.drain()

    async def _next_event(self) -> h11.Event | None:
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                self._connection.receive_data(await self._reader.read(_READ_BYTES))
        except (h11.RemoteProtocolError, OSError):
            return None
        return event if isinstance(event, h11.Event) else None


class RuntimeApi:
    """Dispatches one invocation at a time and receives its response.

    `idle` completes when the process asks for an invocation, and fails with FunctionFailed when the process reports
    an initialization error.
    """

    def __init__(self) -> None:
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dispatched: asyncio.Queue[tuple[Invocation, int]] = asyncio.Queue()
        self._open: tuple[str, FunctionResponse] | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> str:
        """Listen on a free loopback port and return the address as `host:port`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        """Stop listening and close the connections, which also ends a process that waits for an invocation."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def dispatch(self, invocation: Invocation, deadline_ms: int, response: FunctionResponse) -> None:
        """Send an invocation to the idle process; `deadline_ms` is in milliseconds since the epoch."""
        self.idle = asyncio.get_running_loop().create_future()
        self._open = (invocation.request_id, response)
        self._dispatched.put_nowait((invocation, deadline_ms))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = HttpConnection(reader, writer)
            async for request in connection.requests():
                await connection.reply(await self._handle(connection, request))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _handle(self, connection: HttpConnection, request: h11.Request) -> HttpReply:
        method, path = request.method.decode("ascii"), request.target.decode("ascii")
        target = _INVOCATION.fullmatch(path) if method == "POST" else None
        if target is not None and (response := self._take_open_response(target[1])):
            receive = _receive_response if target[2] == "response" else _receive_error
            return await receive(connection, request, response)
        body = await connection.read_body()
        if (method, path) == ("GET", "/2018-06-01/runtime/invocation/next"):
            return await self._next_invocation()
        if (method, path) == ("POST", "/2018-06-01/runtime/init/error"):
            return self._receive_init_error(body)
        return _build_error(404, "NotFound") if target is None else _build_error(400, "InvalidRequestID")

    async def _next_invocation(self) -> HttpReply:
        if not self.idle.done():
            self.idle.set_result(None)
        invocation, deadline_ms = await self._dispatched.get()
        return HttpReply(
            200,
            invocation.event,
            [
                ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
                ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
                ("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn),
                ("Lambda-Runtime-Trace-Id", invocation.trace_id),
            ],
        )

    def _receive_init_error(self, body: bytes | None) -> HttpReply:
        if not self.idle.done():
            error_type, message = _parse_error(body)
            self.idle.set_exception(FunctionFailed(f"it cannot start: {error_type}: {message}"))
        return _ACCEPTED

    def _take_open_response(self, request_id: str) -> FunctionResponse | None:
        """Return the open invocation's response and close it for further posts; None for another request id."""
        if self._open is None or self._open[0] != request_id:
            return None
        _, response = self._open
        self._open = None
        return response


async def _receive_response(connection: HttpConnection, request: h11.Request, response: FunctionResponse) -> HttpReply:
    """Forward the chunks of a posted response on arrival."""
    if response.streams and not _STREAMING_HEADERS.items() <= dict(request.headers).items():
        response.fail(FunctionFailed("its response is buffered, but its route streams"))
    size = 0
    try:
        async for chunk in connection.body():
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES and not response.streams:
                response.fail(FunctionFailed("its response is larger than 6 MB"))
            await response.write(chunk)
    except ConnectionError:
        response.close(FunctionFailed("its response is incomplete"))
        raise
    if error_type := connection.trailers.get("lambda-runtime-function-error-type"):
        response.fail(FunctionFailed(f"it failed with {error_type} during its response"))
    response.complete()
    too_large = size > MAX_RESPONSE_BYTES and not response.streams
    return _build_error(413, "RequestEntityTooLarge") if too_large else _ACCEPTED


async def _receive_error(connection: HttpConnection, _: h11.Request, response: FunctionResponse) -> HttpReply:
    # The message is left out, because it may contain request data. The function's own log has it.
    error_type, _message = _parse_error(await connection.read_body())
    response.fail(FunctionFailed(f"it failed with {error_type}"))
    return _ACCEPTED


def _parse_error(body: bytes | None) -> tuple[str, str]:
    """Return the error type and message that a process reports."""
    try:
        document = json.loads(body or b"")
        return str(document["errorType"]), str(document["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "Unknown", ""


def _build_error(status: int, error_type: str) -> HttpReply:
    return HttpReply(status, json.dumps({"errorType": error_type, "errorMessage": error_type}).encode(), [])

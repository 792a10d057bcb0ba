"""A stand-in of the Lambda Runtime API for one function process.

Each process has a listening port of its own, as each environment has on Lambda, so that whoever asks is known by
where it asks. Source of the protocol: the Lambda developer guide, "Using the Lambda runtime API".
"""

import asyncio
import json
import re
from typing import NamedTuple

import h11

from qwen_gateway_cli.local.front.exchange import Answer, Exchange
from qwen_gateway_cli.local.front.output import FunctionFailed, Output

MAX_ANSWER_BYTES = 6_291_556
"""What Lambda takes of a whole answer: 6 MB and 100 bytes."""

_INVOCATION = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_STREAMED = {
    b"lambda-runtime-function-response-mode": b"streaming",
    b"content-type": b"application/vnd.awslambda.http-integration-response",
}
_ACCEPTED = Answer(202, b'{"status":"OK"}\n', [])


class Call(NamedTuple):
    """One call of a function."""

    request_id: str
    event: bytes
    """JSON."""
    trace_id: str
    function_arn: str


class RuntimeApi:
    """Hands over one call at a time and takes its answer.

    `idle` is done when the process asks for work, and fails with FunctionFailed when it reports that it cannot start.
    """

    def __init__(self) -> None:
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handed_over: asyncio.Queue[tuple[Call, int]] = asyncio.Queue()
        self._open: tuple[str, Output] | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> str:
        """Listen on a free port of loopback and return its address."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        """Listen no more and break the connections; a process that still waits for work ends by that."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def hand_over(self, call: Call, deadline_ms: int, output: Output) -> None:
        """Give the idle process a call, and a place for its answer; `deadline_ms` counts since the epoch."""
        self.idle = asyncio.get_running_loop().create_future()
        self._open = (call.request_id, output)
        self._handed_over.put_nowait((call, deadline_ms))

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            exchange = Exchange(reader, writer)
            async for request in exchange.requests():
                await exchange.answer(await self._answer(exchange, request))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, exchange: Exchange, request: h11.Request) -> Answer:
        method, path = request.method.decode("ascii"), request.target.decode("ascii")
        named = _INVOCATION.fullmatch(path) if method == "POST" else None
        if named is not None and (output := self._answered(named[1])):
            return await (_take if named[2] == "response" else _fail)(exchange, request, output)
        body = await _whole(exchange)
        if (method, path) == ("GET", "/2018-06-01/runtime/invocation/next"):
            return await self._next()
        if (method, path) == ("POST", "/2018-06-01/runtime/init/error"):
            return self._init_failed(body)
        return _refused(404, "NotFound") if named is None else _refused(400, "InvalidRequestID")

    async def _next(self) -> Answer:
        if not self.idle.done():
            self.idle.set_result(None)
        call, deadline_ms = await self._handed_over.get()
        return Answer(
            200,
            call.event,
            [
                ("Lambda-Runtime-Aws-Request-Id", call.request_id),
                ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
                ("Lambda-Runtime-Invoked-Function-Arn", call.function_arn),
                ("Lambda-Runtime-Trace-Id", call.trace_id),
            ],
        )

    def _init_failed(self, body: bytes | None) -> Answer:
        if not self.idle.done():
            fault = _fault(body)
            self.idle.set_exception(FunctionFailed(f"it cannot start: {fault['errorType']}: {fault['errorMessage']}"))
        return _ACCEPTED

    def _answered(self, request_id: str) -> Output | None:
        """Return the place for the answer of a call, and give it to nobody else."""
        if self._open is None or self._open[0] != request_id:
            return None
        _, output = self._open
        self._open = None
        return output


async def _take(exchange: Exchange, request: h11.Request, output: Output) -> Answer:
    """Pass an answer on as it comes."""
    if output.streams and not _STREAMED.items() <= dict(request.headers).items():
        output.fail(FunctionFailed("its answer is whole, where its route streams"))
    size = 0
    try:
        async for piece in exchange.body():
            size += len(piece)
            if size > MAX_ANSWER_BYTES and not output.streams:
                output.fail(FunctionFailed("its answer is larger than 6 MB"))
            await output.take(piece)
    except ConnectionError:
        output.close(FunctionFailed("its answer was cut short"))
        raise
    if kind := exchange.trailers.get("lambda-runtime-function-error-type"):
        output.fail(FunctionFailed(f"it failed with {kind} in the middle of its answer"))
    output.complete()
    return _ACCEPTED if output.streams or size <= MAX_ANSWER_BYTES else _refused(413, "RequestEntityTooLarge")


async def _fail(exchange: Exchange, _: h11.Request, output: Output) -> Answer:
    # Not the message: it may hold what the caller sent. The function's own log has it.
    output.fail(FunctionFailed(f"it failed with {_fault(await _whole(exchange))['errorType']}"))
    return _ACCEPTED


async def _whole(exchange: Exchange) -> bytes | None:
    """Read a body to its end; None stands for one that is larger than Lambda takes."""
    pieces, size = [], 0
    async for piece in exchange.body():
        size += len(piece)
        if size <= MAX_ANSWER_BYTES:
            pieces.append(piece)
    return b"".join(pieces) if size <= MAX_ANSWER_BYTES else None


def _fault(body: bytes | None) -> dict[str, str]:
    try:
        given = json.loads(body or b"")
        return {"errorType": str(given["errorType"]), "errorMessage": str(given["errorMessage"])}
    except (ValueError, KeyError, TypeError):
        return {"errorType": "Unknown", "errorMessage": ""}


def _refused(status: int, kind: str) -> Answer:
    return Answer(status, json.dumps({"errorType": kind, "errorMessage": kind}).encode(), [])

"""A function's streamed response as an HTTP response: each chunk is sent to the client on arrival."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.apigateway.invocation import FunctionFailed, FunctionResponse, Invocation
from qwen_gateway_cli.local.apigateway.pool import FunctionPool
from qwen_gateway_cli.local.apigateway.proxy_response import ResponseHead, read_prelude

IDLE_TIMEOUT_S = 300.0
"""Seconds without a byte after which a Regional endpoint closes a stream."""


async def invoke_streaming(pool: FunctionPool, invocation: Invocation, timeout_s: float) -> "StreamedResponse":
    """Invoke the function and return its response once the prelude has arrived.

    Raises:
        FunctionFailed: the function failed before the end of the prelude.
        InvocationRejected: the function's limit is reached.
        MalformedResponse: the prelude is not valid.
        TimeoutError: the integration timeout passed.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    async with asyncio.timeout_at(deadline):
        function_response = await pool.start_invocation(invocation, streams=True)
        chunks = function_response.chunks()
        try:
            head, first_payload = await read_prelude(chunks)
        except BaseException:
            function_response.discard()
            raise
    return StreamedResponse(head, _join(first_payload, chunks), function_response, deadline)


async def _join(first_payload: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first_payload:
        yield first_payload
    async for chunk in chunks:
        yield chunk


class StreamedResponse(Response):
    """Sends the head, then each chunk of the function.

    An incomplete response is not terminated, so the server resets the connection and the client sees an error. A
    client that disconnects does not stop the function: its response is read to the end.
    """

    def __init__(
        self,
        head: ResponseHead,
        payload: AsyncIterator[bytes],
        function_response: FunctionResponse,
        deadline: float,
    ) -> None:
        # Skips the base class's constructor, which sets the content-length of a known body.
        self.status_code = head.status
        self.background = None
        self.init_headers()
        for name, value in head.headers:
            self.headers.append(name, value)
        self._allows_body = head.allows_body
        self._payload = payload
        self._function_response = function_response
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the response (ASGI)."""
        try:
            async with asyncio.timeout_at(self._next_timeout()) as timeout:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                if self._allows_body and scope["method"] != "HEAD":
                    async for chunk in self._payload:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                        timeout.reschedule(self._next_timeout())
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            self._function_response.fail(FunctionFailed("its stream exceeded API Gateway's total or idle timeout"))
        except FunctionFailed:
            # The pool has logged the cause.
            pass
        finally:
            self._function_response.discard()

    def _next_timeout(self) -> float:
        return min(self._deadline, asyncio.get_running_loop().time() + IDLE_TIMEOUT_S)

"""A function's streamed answer as the response that API Gateway makes of it: each piece goes on as it comes."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qwen_gateway_cli.local.front import prelude
from qwen_gateway_cli.local.front.head import Head
from qwen_gateway_cli.local.front.output import FunctionFailed, Output
from qwen_gateway_cli.local.front.pool import Pool
from qwen_gateway_cli.local.front.runtime_api import Call

IDLE_LIMIT_S = 300.0
"""Seconds without a byte after which a Regional endpoint breaks a stream off."""


async def respond(pool: Pool, call: Call, timeout_s: float) -> "StreamedResponse":
    """Call the function and return its response once the head is known.

    Raises FunctionFailed, MalformedAnswer, and TimeoutError when the integration's time ends first.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    async with asyncio.timeout_at(deadline):
        output = await pool.begin(call, streams=True)
        pieces = output.pieces()
        try:
            head, begun = await prelude.read(pieces)
        except BaseException:
            output.abandon()
            raise
    return StreamedResponse(head, _payload(begun, pieces), output, deadline)


async def _payload(begun: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if begun:
        yield begun
    async for piece in pieces:
        yield piece


class StreamedResponse(Response):
    """Sends the head, then piece by piece what the function sends.

    What does not come to its end is not ended: the server breaks the connection off, and the client sees that. A
    client that leaves changes nothing: the function's answer is read to its end.
    """

    def __init__(self, head: Head, payload: AsyncIterator[bytes], output: Output, deadline: float) -> None:
        # Not the base's, which would count the bytes of a body that is known.
        self.status_code = head.status
        self.background = None
        self.init_headers()
        for name, value in head.headers:
            self.headers.append(name, value)
        self._has_body = head.has_body
        self._payload = payload
        self._output = output
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the response (ASGI)."""
        try:
            async with asyncio.timeout_at(self._limit()) as limit:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                if self._has_body and scope["method"] != "HEAD":
                    async for piece in self._payload:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                        limit.reschedule(self._limit())
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            self._output.fail(FunctionFailed("its stream took longer, or paused longer, than API Gateway waits"))
        except FunctionFailed:
            # The pool has said why.
            pass
        finally:
            self._output.abandon()

    def _limit(self) -> float:
        return min(self._deadline, asyncio.get_running_loop().time() + IDLE_LIMIT_S)

"""One invocation of a function: its input, and its response on the way from the process to the reader."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

_MAX_BUFFERED_CHUNKS = 4
"""A full buffer blocks the process until the reader takes a chunk."""


class FunctionFailed(Exception):
    """The function returned no response, or an incomplete one. The message contains no request data."""


class InvocationRejected(Exception):
    """Lambda did not accept the invocation: as many run as the limit allows."""


class Invocation(NamedTuple):
    """The input of one invocation."""

    request_id: str
    event: bytes
    """JSON."""
    trace_id: str
    function_arn: str


class FunctionResponse:
    """The response of one invocation, in the chunks that the process sends.

    `posted` completes when the process has sent the whole response, and fails with FunctionFailed when it will not.
    The reader sees the end of the response only after `close`.
    """

    def __init__(self, *, streams: bool) -> None:
        self.streams = streams
        """Whether the function was invoked in Lambda's streaming mode."""
        self.posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_MAX_BUFFERED_CHUNKS)

    async def write(self, chunk: bytes) -> None:
        """Add a chunk; wait while the buffer is full."""
        if not self.posted.done():
            with suppress(asyncio.QueueShutDown):
                await self._chunks.put(chunk)

    def complete(self) -> None:
        """Mark the response as complete, unless it has failed."""
        if not self.posted.done():
            self.posted.set_result(None)

    def fail(self, failure: FunctionFailed) -> None:
        """Mark the response as failed, unless it is complete."""
        if not self.posted.done():
            self.posted.set_exception(failure)

    def close(self, failure: FunctionFailed) -> None:
        """End the reader's iteration; `failure` applies when the response is neither complete nor failed."""
        self.fail(failure)
        self._chunks.shutdown()

    def discard(self) -> None:
        """Drop the remaining chunks, those that are still to come too, so that the process is not blocked."""
        self._chunks.shutdown(immediate=True)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield each chunk on arrival. Raises FunctionFailed after the last one when the response is incomplete."""
        with suppress(asyncio.QueueShutDown):
            while True:
                yield await self._chunks.get()
        self.posted.result()

    async def read(self) -> bytes:
        """Return the whole response. Raises FunctionFailed."""
        try:
            return b"".join([chunk async for chunk in self.chunks()])
        finally:
            self.discard()

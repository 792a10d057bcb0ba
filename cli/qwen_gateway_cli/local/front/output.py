"""What a function gives back in one call, on its way from the process to whoever reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

_PIECES = 4
"""Held at most between the two: a reader that is slow slows the process down."""


class FunctionFailed(Exception):
    """A call got no answer from its function, or only the beginning of one; the message is fit for a log."""


class Output:
    """The answer of one call, in the pieces in which the process sends it.

    `posted` is done when the process has sent all of it, and fails with FunctionFailed when it sends no more. The
    reader learns of either only when the output is closed.
    """

    def __init__(self, *, streams: bool) -> None:
        self.streams = streams
        """Whether it is called to answer in Lambda's streaming mode."""
        self.posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(_PIECES)

    async def take(self, piece: bytes) -> None:
        """Take a piece from the process, once there is room for it."""
        if not self.posted.done():
            with suppress(asyncio.QueueShutDown):
                await self._pieces.put(piece)

    def complete(self) -> None:
        """Note that the process has sent everything."""
        if not self.posted.done():
            self.posted.set_result(None)

    def fail(self, failure: FunctionFailed) -> None:
        """Note why the rest of it does not count, if there is one."""
        if not self.posted.done():
            self.posted.set_exception(failure)

    def close(self, otherwise: FunctionFailed) -> None:
        """Tell the reader that nothing more comes; `otherwise` is why, when the process has not posted its answer."""
        self.fail(otherwise)
        self._pieces.shutdown()

    def abandon(self) -> None:
        """Read no more. The process is not held up by that: what it still sends is taken and thrown away."""
        self._pieces.shutdown(immediate=True)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield each piece as it comes. Raises FunctionFailed when not all of them have come."""
        with suppress(asyncio.QueueShutDown):
            while True:
                yield await self._pieces.get()
        self.posted.result()

    async def whole(self) -> bytes:
        """Return all pieces together. Raises FunctionFailed."""
        try:
            return b"".join([piece async for piece in self.pieces()])
        finally:
            self.abandon()

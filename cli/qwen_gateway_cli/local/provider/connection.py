"""The HTTP exchange under one call: answer it, wait within it, break it off."""

import asyncio
from typing import NoReturn, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "transport"


class BreakableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 that puts the TCP transport into each request's `scope["state"]`, for faults to close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the requests of this connection a state of their own."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}

    def shutdown(self) -> None:
        """Break the connection at once: a call that hangs must not keep the server from ending."""
        super().shutdown()
        self.transport.abort()


class ClientLeft(Exception):
    """The connection is gone: nobody waits for the answer."""


class Exchange:
    """One request and its answer. Every method raises `ClientLeft` once the connection is gone."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._transport = cast("asyncio.Transport", scope["state"][_TRANSPORT])

    async def read(self) -> bytes:
        """Read the request's body to its end."""
        pieces = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(pieces)

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers; without a content-length the body is sent in chunks."""
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send_unless_gone({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._send_unless_gone({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last bytes and end the body as HTTP wants it."""
        await self._send_unless_gone({"type": "http.response.body", "body": data, "more_body": False})

    async def pause(self, milliseconds: float) -> None:
        """Wait for so long."""
        if milliseconds <= 0:
            return
        try:
            async with asyncio.timeout(milliseconds / 1000):
                await self.hang()
        except TimeoutError:
            return

    async def hang(self) -> NoReturn:
        """Wait until the client leaves or the server ends."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientLeft

    async def break_off(self) -> NoReturn:
        """Close the TCP connection after what was written, without ending the answer."""
        self._transport.close()
        await self.hang()

    async def _send_unless_gone(self, message: dict[str, object]) -> None:
        if self._transport.is_closing():
            await self.hang()
        await self._send(message)

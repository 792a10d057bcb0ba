"""The HTTP exchange of one call: read the request, send the response with pauses, or close the connection."""

import asyncio
from dataclasses import dataclass, replace
from typing import NoReturn, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from qwen_gateway_cli.local.mock_qwen.error_formats import ErrorFormat
from qwen_gateway_cli.local.mock_qwen.responses import ResponseBody

_TRANSPORT = "transport"


class TransportProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with the TCP transport in each request's `scope["state"]`, so faults can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the state of this connection's requests."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}

    def shutdown(self) -> None:
        """Close the connection immediately, so that a hanging call does not delay the server's shutdown."""
        super().shutdown()
        self.transport.abort()


class ClientDisconnected(Exception):
    """The client closed the connection."""


class HttpExchange:
    """One request and its response. Every method raises ClientDisconnected once the connection is closed."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._transport = cast("asyncio.Transport", scope["state"][_TRANSPORT])

    async def read_body(self) -> bytes:
        """Read the request's body to its end."""
        chunks = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers; without a content-length the body uses chunked encoding."""
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send_if_open({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """Send a part of the body."""
        await self._send_if_open({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last part and terminate the body."""
        await self._send_if_open({"type": "http.response.body", "body": data, "more_body": False})

    async def sleep(self, milliseconds: float) -> None:
        """Wait, unless the client disconnects first."""
        if milliseconds <= 0:
            return
        try:
            async with asyncio.timeout(milliseconds / 1000):
                await self.hang()
        except TimeoutError:
            return

    async def hang(self) -> NoReturn:
        """Wait until the client disconnects or the server shuts down."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnected

    async def disconnect(self) -> NoReturn:
        """Send what is buffered and close the TCP connection, without terminating the response."""
        self._transport.close()
        await self.hang()

    async def _send_if_open(self, message: dict[str, object]) -> None:
        if self._transport.is_closing():
            await self.hang()
        await self._send(message)


@dataclass(frozen=True, slots=True)
class ResponseWriter:
    """Sends a response on an exchange.

    `headers` are added to it; `gap_ms` is the pause between two deltas; `errors` is the form of errors.
    """

    exchange: HttpExchange
    request_id: str
    headers: dict[str, str]
    gap_ms: float
    errors: ErrorFormat

    def with_headers(self, headers: dict[str, str]) -> "ResponseWriter":
        """Return a writer with additional headers, which override those of this writer."""
        return replace(self, headers={**self.headers, **{name.lower(): value for name, value in headers.items()}})

    async def send(self, body: ResponseBody) -> None:
        """Send a stream event by event, or a whole body with its length."""
        if body.streamed:
            await self.start(body)
            await self.write_parts(body, 0, len(body.parts))
            await self.exchange.end()
        else:
            await self.send_whole(200, body.content_type, body.data)

    async def send_whole(self, status: int, content_type: str, data: bytes) -> None:
        """Send a whole body with its length."""
        headers = {"content-type": content_type, "content-length": str(len(data)), **self.headers}
        await self.exchange.start(status, headers)
        await self.exchange.end(data)

    async def start(self, body: ResponseBody) -> None:
        """Send the headers of a body that is sent in parts."""
        await self.exchange.start(200, {"content-type": body.content_type, **self.headers})

    async def send_first_deltas(self, deltas: int, body: ResponseBody) -> int:
        """Send the headers and the parts up to that many deltas; return the number of parts sent."""
        await self.start(body)
        sent = body.count_parts(deltas)
        await self.write_parts(body, 0, sent)
        return sent

    async def write_parts(self, body: ResponseBody, start: int, end: int) -> None:
        """Send the parts from `start` to before `end`, with a pause before every delta except the body's first."""
        follows_delta = any(part.is_delta for part in body.parts[:start])
        for part in body.parts[start:end]:
            if part.is_delta and follows_delta:
                await self.exchange.sleep(self.gap_ms)
            follows_delta = follows_delta or part.is_delta
            await self.exchange.write(part.data)

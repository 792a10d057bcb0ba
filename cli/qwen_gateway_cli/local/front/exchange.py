"""HTTP/1.1 as a server, request by request, with all that a body may bring: chunks as they come, and trailers."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import h11

_READ_BYTES = 65_536


class Answer(NamedTuple):
    """What a request is answered with."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]


class Exchange:
    """One connection. A peer that leaves, or does not speak HTTP, ends the sequence of its requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = h11.Connection(h11.SERVER)
        self.trailers: dict[str, str] = {}
        """What followed the last body that was read to its end."""

    async def requests(self) -> AsyncIterator[h11.Request]:
        """Yield each request; its body has to be read, and the request answered, before the next one comes."""
        while isinstance(request := await self._event(), h11.Request):
            yield request
            if self._connection.our_state is not h11.DONE or self._connection.their_state is not h11.DONE:
                return
            self._connection.start_next_cycle()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the request's body in the pieces in which it comes. Raises ConnectionError when it is cut short."""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ConnectionResetError
            yield bytes(event.data)
        self.trailers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}

    async def answer(self, answer: Answer) -> None:
        """Answer the request in one write."""
        headers = [*answer.headers, ("content-type", "application/json"), ("content-length", str(len(answer.body)))]
        events = [
            h11.Response(status_code=answer.status, headers=headers),
            h11.Data(data=answer.body),
            h11.EndOfMessage(),
        ]
        self._writer.write(b"".join(self._connection.send(event) or b"" for event in events))
        await self._writer.drain()

    async def _event(self) -> h11.Event | None:
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                self._connection.receive_data(await self._reader.read(_READ_BYTES))
        except (h11.RemoteProtocolError, OSError):
            return None
        return event if isinstance(event, h11.Event) else None

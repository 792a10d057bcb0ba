"""Split the body of a response into events: server-sent events, or one JSON document.

The first character decides. The media type does not, because providers send either form under any of them.
"""

_MAX_EVENT_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event exceeds 16 MiB."""


class BodyParser:
    """Parses a body in either form. The pieces may be cut anywhere, also inside a character."""

    def __init__(self) -> None:
        self._start = b""
        self._parser: EventParser | DocumentParser | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece.

        Raises:
            EventTooLarge: the current event exceeds 16 MiB.
        """
        if self._parser:
            return self._parser.feed(piece)
        self._start += piece
        text = self._start.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if not text or _BYTE_ORDER_MARK.startswith(self._start):
            self._start = self._start if text else b""
            return []
        self._parser = DocumentParser() if text[:1] in (b"{", b"[") else EventParser()
        return self._parser.feed(text)

    def end(self) -> list[bytes]:
        """Return the data of the event that ends with the body."""
        return self._parser.end() if self._parser else []


class EventParser:
    """Parses server-sent events (WHATWG HTML, section 9.2, as far as providers use it). Lines end in LF or CRLF.

    Events of the type `ping` are dropped, whatever their data.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._is_ping = False
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece; comments and other fields are ignored.

        Raises:
            EventTooLarge: the current event exceeds 16 MiB.
        """
        self._rest += piece
        if b"\n" not in piece:
            self._check_size()
            return []
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()
        events: list[bytes] = []
        for line in lines:
            if not line or line == b"\r":
                self._end_event(events)
            elif line.startswith(b"data:"):
                data = bytes(line[5:].removesuffix(b"\r").removeprefix(b" "))
                self._data.append(data)
                self._size += len(data)
            elif line.startswith(b"event:"):
                self._is_ping = line[6:].strip() == b"ping"
        self._check_size()
        return events

    def end(self) -> list[bytes]:
        """Return no event: one without an empty line after it is incomplete."""
        return []

    def _end_event(self, events: list[bytes]) -> None:
        if self._data and not self._is_ping:
            events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
        self._data.clear()
        self._size = 0
        self._is_ping = False

    def _check_size(self) -> None:
        if len(self._rest) + self._size > _MAX_EVENT_BYTES:
            raise EventTooLarge


class DocumentParser:
    """Collects a body that is a single event."""

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Return no event: the body has not ended.

        Raises:
            EventTooLarge: the body exceeds 16 MiB.
        """
        self._body += piece
        if len(self._body) > _MAX_EVENT_BYTES:
            raise EventTooLarge
        return []

    def end(self) -> list[bytes]:
        """Return the body."""
        return [bytes(self._body)]

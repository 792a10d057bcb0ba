"""Split the body of a response into events: server-sent events, or one document."""

_MAX_EVENT_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event exceeds 16 MiB."""


class EventParser:
    """Parses server-sent events (WHATWG HTML, section 9.2, as far as providers use it).

    The pieces of the body may be cut anywhere, also inside a character. Lines end in LF or CRLF.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._has_started = False

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
        if not self._has_started:
            self._has_started = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        events: list[bytes] = []
        for line in lines:
            if not line or line == b"\r":
                self._end_event(events)
            elif line.startswith(b"data:"):
                data = bytes(line[5:].removesuffix(b"\r").removeprefix(b" "))
                self._data.append(data)
                self._size += len(data)
        self._check_size()
        return events

    def end(self) -> list[bytes]:
        """Return no event: one without an empty line after it is incomplete."""
        return []

    def _end_event(self, events: list[bytes]) -> None:
        if self._data:
            events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
            self._data.clear()
            self._size = 0

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

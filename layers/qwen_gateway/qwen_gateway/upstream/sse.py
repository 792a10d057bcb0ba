"""Server-sent events out of a stream of bytes (WHATWG HTML, section 9.2, as far as chat streams use it)."""

_LARGEST_EVENT = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event grew beyond 16 MiB without an end."""


class EventParser:
    """Takes the pieces of a stream, which may break anywhere, also inside a character. Lines end in LF or CRLF."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._has_begun = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece; comments and other fields are left out.

        Raises:
            EventTooLarge: what began has more than 16 MiB and no end.
        """
        self._rest += piece
        if b"\n" not in piece:
            self._refuse_endless()
            return []
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()
        if not self._has_begun:
            self._has_begun = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        ended: list[bytes] = []
        for line in lines:
            if not line or line == b"\r":
                self._end_event(ended)
            elif line.startswith(b"data:"):
                data = bytes(line[5:].removesuffix(b"\r").removeprefix(b" "))
                self._data.append(data)
                self._size += len(data)
        self._refuse_endless()
        return ended

    def _end_event(self, ended: list[bytes]) -> None:
        if self._data:
            ended.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
            self._data.clear()
            self._size = 0

    def _refuse_endless(self) -> None:
        if len(self._rest) + self._size > _LARGEST_EVENT:
            raise EventTooLarge

"""Server-sent events out of a stream of bytes (WHATWG HTML, section 9.2, as far as chat streams use it)."""

from collections.abc import Iterable, Iterator

_LARGEST_EVENT = 16 * 1024 * 1024


class EventTooLarge(Exception):
    """An event grew beyond 16 MiB without an end."""


def events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of each event; comments, other fields and an unfinished event at the end are left out.

    Lines may end in LF or CRLF and pieces may break anywhere, also inside a character.
    """
    data: list[bytes] = []
    for line in _lines(pieces):
        if not line:
            if data:
                yield b"\n".join(data)
                data.clear()
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        rest += piece
        if b"\n" not in piece:
            if len(rest) > _LARGEST_EVENT:
                raise EventTooLarge
            continue
        *whole, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in whole:
            yield line.removesuffix(b"\r")

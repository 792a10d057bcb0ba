"""Split the body of a response into events: server-sent events, or JSON documents.

The first character decides. The media type does not, because providers send either form under any of them.
"""

import json
import re

from qwen_gateway import strictjson

_MAX_EVENT_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DONE = b"[DONE]"
_LINE_END = re.compile(rb"\n|\r(?:\r|data:|event:|id:|retry:)")
_LONGEST_LINE_END = 7


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
    """Parses server-sent events (WHATWG HTML, section 9.2, as far as providers use it).

    The end of the first line decides whether all lines end in CR alone; if not, CR is white space of the JSON.
    Events of the type `ping` are dropped, whatever their data, and those of other types if it is no JSON; the text of
    an `error` becomes JSON. Published faults are understood: no empty line between events, none after the last one, the
    prefix `data:` twice or not at all.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._type = b""
        self._size = 0
        self._ends_in_cr: bool | None = None
        """Whether lines end in CR alone; None until the first one has ended."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece; comments and other fields are ignored.

        Raises:
            EventTooLarge: the current event exceeds 16 MiB.
        """
        if self._ends_in_cr:
            piece = piece.replace(b"\r", b"\n")
        self._rest += piece
        if self._ends_in_cr is None:
            self._find_line_end(len(self._rest) - len(piece))
        if b"\n" not in (self._rest if self._ends_in_cr else piece):
            self._check_size()
            return []
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()
        events: list[bytes] = []
        for line in lines:
            self._read_line(line, events)
        self._check_size()
        return events

    def end(self) -> list[bytes]:
        """Return the data of the last event if it is complete although no empty line follows it."""
        events = self.feed(b"\n") if self._ends_in_cr is None else []
        self._read_line(self._rest, events)
        self._end_event(events)
        return [data for data in events if data == _DONE or _is_object(data)]

    def _find_line_end(self, start: int) -> None:
        """Decide by the end of the first line, which is at or after `start`, whether lines end in CR alone."""
        end = _LINE_END.search(self._rest, max(start - _LONGEST_LINE_END, 0))
        if end:
            self._ends_in_cr = end[0] != b"\n"
            self._rest = self._rest.replace(b"\r", b"\n") if self._ends_in_cr else self._rest

    def _read_line(self, line: bytearray, events: list[bytes]) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            self._end_event(events)
        elif line.startswith(b"data:"):
            data = bytes(line[5:].removeprefix(b" "))
            if data.startswith(b"data:"):
                data = data[5:].removeprefix(b" ")
            self._add_data(data, events)
        elif line.startswith(b"event:"):
            self._type = bytes(line[6:].strip().lower())
        elif line.startswith(b"{") and line.rstrip().endswith(b"}"):
            self._add_data(bytes(line), events)

    def _add_data(self, data: bytes, events: list[bytes]) -> None:
        if self._data and _is_next_event(self._data, data):
            self._end_event(events)
        self._data.append(data)
        self._size += len(data)

    def _end_event(self, events: list[bytes]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events += [data] if self._type in _CHUNK_TYPES else _typed_event(self._type, data)
        self._data.clear()
        self._size = 0
        self._type = b""

    def _check_size(self) -> None:
        if len(self._rest) + self._size > _MAX_EVENT_BYTES:
            raise EventTooLarge


_CHUNK_TYPES = (b"", b"message")
_PING_TYPES = (b"ping", b"heartbeat", b"keepalive", b"keep-alive")


def _typed_event(kind: bytes, data: bytes) -> list[bytes]:
    """Return the data of an event with a type of its own, if it can be a part of the answer."""
    if kind in _PING_TYPES:
        return []
    if data.lstrip().startswith((b"{", b"[")):
        return [data]
    return [json.dumps({"error": data.decode(errors="replace")}).encode()] if kind == b"error" and data else []


def _is_next_event(before: list[bytes], data: bytes) -> bool:
    """Return whether a line of data begins another event: no JSON contains one object after the other."""
    is_object = len(before) == 1 and before[0].startswith(b"{") and before[0].rstrip().endswith(b"}")
    return is_object and data.startswith((b"{", _DONE))


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(strictjson.loads(data), dict)
    except ValueError:
        return False


class DocumentParser:
    """Collects a body of JSON: one document, a list of them, or one a line."""

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
        """Return each document, or the body if it is only one."""
        body = bytes(self._body)
        if body.startswith(b"["):
            return _split_list(body)
        lines = [line.strip() for line in body.splitlines() if line.strip()]
        # The first line of a document with indentation is a bracket.
        return lines if len(lines) > 1 and _is_object(lines[0]) else [body]


def _split_list(body: bytes) -> list[bytes]:
    try:
        items = strictjson.loads(body)
    except ValueError:
        return [body]
    return [json.dumps(item).encode() for item in items]

"""Response bodies, split into events wherever the bytes are cut."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.upstream import framing
from qwen_gateway.upstream.framing import DocumentParser, EventParser, EventTooLarge
from tests.builders import split_at, whole_stream

STREAM = whole_stream("Grüße, ", "世界", "!")


def parse_events(pieces: Iterable[bytes], parser: EventParser | DocumentParser | None = None) -> list[bytes]:
    parser = parser or EventParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    assert parse_events(split_at(STREAM, cuts)) == parse_events([STREAM])


@given(st.lists(st.integers(1, len(STREAM) * 2), max_size=20))
def test_lines_may_end_in_crlf(cuts: list[int]) -> None:
    assert parse_events(split_at(STREAM.replace(b"\n", b"\r\n"), cuts)) == parse_events([STREAM])


def test_comments_and_other_fields_are_ignored() -> None:
    assert parse_events([b": ping\n\nevent: x\nid: 7\ndata: one\n\n:\n\ndata:two\n\n"]) == [b"one", b"two"]


def test_an_incomplete_event_is_ignored() -> None:
    assert parse_events([b"data: one\n\ndata: tw"]) == [b"one"]


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_a_document_is_one_event(cuts: list[int]) -> None:
    assert parse_events(split_at(STREAM, cuts), DocumentParser()) == [STREAM]


@pytest.mark.parametrize("parser", [EventParser(), DocumentParser()], ids=lambda parser: type(parser).__name__)
def test_the_size_of_an_event_is_limited(parser: EventParser | DocumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "_MAX_EVENT_BYTES", 20)

    with pytest.raises(EventTooLarge):
        parse_events([b"data: 0123", b"456789", b"abcdef"], parser)

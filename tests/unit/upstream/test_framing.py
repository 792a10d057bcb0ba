"""Response bodies, split into events wherever the bytes are cut."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.upstream import framing
from qwen_gateway.upstream.framing import BodyParser, EventTooLarge
from tests.builders import split_at, whole_stream

STREAM = whole_stream("Grüße, ", "世界", "!")


BOM = b"\xef\xbb\xbf"
DOCUMENT = '{"choices": [{"message": {"content": "Grüße"}}]}\n'.encode()


def parse(pieces: Iterable[bytes]) -> list[bytes]:
    parser = BodyParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


CUTS = st.lists(st.integers(1, len(STREAM) * 2), max_size=40)


@given(CUTS, st.sampled_from((b"", BOM, b"\n", BOM + b"\r\n\n", b": ping\n")))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: list[int], start: bytes) -> None:
    assert parse(split_at(start + STREAM, cuts)) == parse([STREAM])


@given(CUTS)
def test_lines_may_end_in_crlf(cuts: list[int]) -> None:
    assert parse(split_at(STREAM.replace(b"\n", b"\r\n"), cuts)) == parse([STREAM])


def test_comments_and_other_fields_are_ignored() -> None:
    assert parse([b": x\n\nevent: x\nid: 7\ndata: one\n\n:\n\ndata:two\n\n"]) == [b"one", b"two"]


def test_events_of_the_type_ping_are_dropped() -> None:
    body = b"event: ping\ndata: 1\n\ndata: one\n\ndata: {}\nevent:ping\n\nevent: message\ndata: two\n\n"

    assert parse([body]) == [b"one", b"two"]


def test_an_incomplete_event_is_ignored() -> None:
    assert parse([b"data: one\n\ndata: tw"]) == [b"one"]


@given(CUTS, st.sampled_from((b"", BOM, b" \r\n", BOM + b"\n")))
def test_a_json_document_is_one_event(cuts: list[int], start: bytes) -> None:
    assert parse(split_at(start + DOCUMENT, cuts)) == [DOCUMENT]


@pytest.mark.parametrize("body", [b"", b" \n\n", b"<html>\n\n<body>\n\n</html>", BOM])
def test_another_body_has_no_event(body: bytes) -> None:
    assert parse([body]) == []


@pytest.mark.parametrize("start", [b"data: ", b"{"], ids=["event", "document"])
def test_the_size_of_an_event_is_limited(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "_MAX_EVENT_BYTES", 20)

    with pytest.raises(EventTooLarge):
        parse([start, b"0123456789", b"0123456789", b"0123456789"])


def test_white_space_before_the_body_is_not_collected() -> None:
    parser = BodyParser()
    for _ in range(100):
        parser.feed(b"\n" * 1_000)

    assert parser._start == b""

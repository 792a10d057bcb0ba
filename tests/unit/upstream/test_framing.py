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


@given(CUTS)
def test_lines_may_end_in_cr(cuts: list[int]) -> None:
    assert parse(split_at(STREAM.replace(b"\n", b"\r"), cuts)) == parse([STREAM])


@given(CUTS)
def test_events_may_have_no_empty_line_between_them(cuts: list[int]) -> None:
    assert parse(split_at(STREAM.replace(b"\n\n", b"\n"), cuts)) == parse([STREAM])


def test_an_object_in_several_lines_is_one_event() -> None:
    assert parse([b'data: {"a":\ndata: {"b": 1}\ndata: }\n\n']) == [b'{"a":\n{"b": 1}\n}']


def test_the_prefix_of_data_may_be_there_twice() -> None:
    assert parse([b"data: data: {}\n\ndata:data:[DONE]\n\n"]) == [b"{}", b"[DONE]"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
def test_the_last_event_may_have_no_empty_line_after_it(end: bytes) -> None:
    assert parse([b"data: one\n\ndata: {}" + end]) == [b"one", b"{}"]


def test_comments_and_other_fields_are_ignored() -> None:
    assert parse([b": x\n\nevent: message\nid: 7\ndata: one\n\n:\n\ndata:two\n\n"]) == [b"one", b"two"]


def test_events_of_the_type_ping_are_dropped() -> None:
    body = b"event: ping\ndata: 1\n\ndata: one\n\ndata: {}\nevent:ping\n\nevent: message\ndata: two\n\n"

    assert parse([body]) == [b"one", b"two"]


def test_events_of_other_types_count_if_they_contain_json() -> None:
    body = (
        b"event: status\ndata: waiting\n\nevent: x\ndata: {}\n\nevent: done\ndata: [DONE]\n\nevent: Ping\ndata: {}\n\n"
    )

    assert parse([body]) == [b"{}", b"[DONE]"]


def test_the_text_of_an_error_event_becomes_json() -> None:
    assert parse([b"event: error\ndata: out of memory\n\n"]) == [b'{"error": "out of memory"}']


def test_an_object_may_have_no_prefix() -> None:
    assert parse([b'data: {"a": 1}\n\n{"b": 2}\n']) == [b'{"a": 1}', b'{"b": 2}']


def test_an_incomplete_event_is_ignored() -> None:
    assert parse([b"data: one\n\ndata: tw"]) == [b"one"]
    assert parse([b'data: one\n\ndata: {"a": {}']) == [b"one"]


@given(CUTS, st.sampled_from((b"", BOM, b" \r\n", BOM + b"\n")))
def test_a_json_document_is_one_event(cuts: list[int], start: bytes) -> None:
    assert parse(split_at(start + DOCUMENT, cuts)) == [DOCUMENT]


@pytest.mark.parametrize("body", [b'{"a": 1}\n{"b": 2}\n[DONE]\n', b'{"a": 1}\r\n\r\n{"b": 2}\r\n[DONE]'])
def test_each_line_may_be_a_document(body: bytes) -> None:
    assert parse([body]) == [b'{"a": 1}', b'{"b": 2}', b"[DONE]"]


def test_a_list_of_documents_is_an_event_for_each() -> None:
    assert parse([b'[{"a": 1},\n{"b": 2}]']) == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("body", [b"[{]", b'{\n  "a": {\n  }\n}', b'{"a": 1'])
def test_another_document_is_one_event(body: bytes) -> None:
    assert parse([body]) == [body]


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

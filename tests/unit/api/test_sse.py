"""Encoding of server-sent events."""

import json

from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.api import OPENAI
from qwen_gateway.errors import ProviderFault, ProviderRefused
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.upstream.operations import Event

LINE_ENDS = ("\r\n", "\r", "\n")
VALUES = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner))


def parse_events(body: bytes) -> list[str]:
    """Return the data of each event by WHATWG's rules: a line ends with CR, LF or both."""
    text = body.decode()
    for end in LINE_ENDS:
        text = text.replace(end, "\n")
    events = text.split("\n\n")
    assert events.pop() == ""
    return ["\n".join(line.removeprefix("data: ") for line in event.split("\n")) for event in events]


@given(st.lists(st.tuples(VALUES, st.sampled_from((" ", *LINE_ENDS, "\n\n", "\r\r\n")))))
def test_each_chunk_is_one_event_whatever_line_breaks_it_contains(chunks: list[tuple[object, str]]) -> None:
    written = [json.dumps({"of": value}, ensure_ascii=False, separators=(f",{gap}", ":")) for value, gap in chunks]
    spread = [text.replace("{", "{" + gap, 1) for text, (_, gap) in zip(written, chunks, strict=True)]

    read = parse_events(OPENAI.encode_events(Event(text.encode("utf-8", "replace"), {}) for text in spread))

    assert [json.loads(each) for each in read] == [json.loads(each.encode("utf-8", "replace")) for each in written]


def test_an_empty_batch_is_encoded_as_no_bytes() -> None:
    assert OPENAI.encode_events([]) == b""


def test_an_error_is_one_event_in_openais_form() -> None:
    event = OPENAI.encode_error(ProviderRefused("Mind your\r\nwords.", param="messages"), RequestIds("req_1"))

    (data,) = parse_events(event)
    assert json.loads(data) == {
        "error": {
            "message": "Mind your\r\nwords.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "provider_refused",
        }
    }


def test_half_a_surrogate_pair_in_an_error_is_replaced() -> None:
    (data,) = parse_events(OPENAI.encode_error(ProviderFault("\ud83d"), RequestIds("req_1")))

    assert json.loads(data)["error"]["message"] == "�"

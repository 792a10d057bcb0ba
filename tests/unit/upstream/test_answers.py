"""Streams read and put together."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.upstream.aggregate import Aggregate
from qwen_gateway.upstream.sse import events
from tests.builders import chunk, finish, pieces, text_chunks, usage, whole_stream

STREAM = whole_stream("Grüße, ", "世界", "!")


def aggregated(*chunks: dict[str, Any]) -> Aggregate:
    aggregate = Aggregate()
    for each in chunks:
        aggregate.add(each)
    return aggregate


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_events_are_the_same_wherever_the_bytes_break(cuts: list[int]) -> None:
    assert list(events(pieces(STREAM, cuts))) == list(events([STREAM]))


@given(st.lists(st.integers(1, len(STREAM) * 2), max_size=20))
def test_lines_may_end_in_crlf(cuts: list[int]) -> None:
    assert list(events(pieces(STREAM.replace(b"\n", b"\r\n"), cuts))) == list(events([STREAM]))


def test_comments_and_other_fields_are_passed_over() -> None:
    assert list(events([b": ping\n\nevent: x\nid: 7\ndata: one\n\n:\n\ndata:two\n\n"])) == [b"one", b"two"]


def test_an_event_without_its_end_is_none() -> None:
    assert list(events([b"data: one\n\ndata: tw"])) == [b"one"]


@given(st.lists(st.text(), max_size=12))
def test_texts_are_joined_whatever_their_parts(texts: list[str]) -> None:
    whole = aggregated(*text_chunks(*texts), finish()).whole()

    assert whole["choices"][0]["message"]["content"] == "".join(texts)


def test_tool_calls_keep_their_id_and_name_when_later_deltas_have_none() -> None:
    def call(**fields: Any) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": 0, "type": "function", **fields}]})

    whole = aggregated(
        call(id="call_1", function={"name": "weather", "arguments": ""}),
        call(id="", function={"name": "", "arguments": '{"city":'}),
        call(id="", function={"arguments": ' "Ulm"}'}),
        finish("tool_calls"),
    ).whole()

    (choice,) = whole["choices"]
    (made,) = choice["message"]["tool_calls"]
    assert (made["id"], made["function"]["name"]) == ("call_1", "weather")
    assert json.loads(made["function"]["arguments"]) == {"city": "Ulm"}
    assert choice["message"]["content"] is None


def test_choices_thoughts_and_usage_stay_apart() -> None:
    aggregate = aggregated(
        chunk({"reasoning_content": "Hm"}, index=1),
        chunk({"content": "B"}, index=1),
        chunk({"content": "A"}, index=0),
        finish(index=0),
        finish("length", index=1),
        usage(7, 9),
    )

    first, second = aggregate.whole()["choices"]
    assert (first["message"]["content"], first["finish_reason"]) == ("A", "stop")
    assert (second["message"]["content"], second["finish_reason"]) == ("B", "length")
    assert second["message"]["reasoning_content"] == "Hm"
    assert aggregate.whole()["usage"]["completion_tokens"] == 9
    assert aggregate.finished


def test_an_answer_is_unfinished_while_one_choice_is() -> None:
    assert not aggregated(chunk({"content": "A"}, index=0), chunk({"content": "B"}, index=1), finish(index=0)).finished
    assert not Aggregate().finished


def test_a_role_alone_is_no_progress() -> None:
    assert not Aggregate().add(chunk({"role": "assistant", "content": ""}))
    assert Aggregate().add(chunk({"content": "A"}))
    assert Aggregate().add(chunk({"reasoning_content": "Hm"}))

"""Streams read and put together."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.upstream.aggregate import Aggregate
from qwen_gateway.upstream.chunks import AnswerProgress
from qwen_gateway.upstream.sse import EventParser
from tests.builders import chunk, finish, split_at, text_chunks, usage, whole_stream

STREAM = whole_stream("Grüße, ", "世界", "!")


def aggregated(*chunks: dict[str, Any]) -> Aggregate:
    aggregate = Aggregate()
    for each in chunks:
        aggregate.add(each)
    return aggregate


def events(parts: Iterable[bytes]) -> list[bytes]:
    parser = EventParser()
    return [event for part in parts for event in parser.feed(part)]


def progress_of(*chunks: dict[str, Any], choices: int = 1) -> AnswerProgress:
    progress = AnswerProgress(choices)
    for each in chunks:
        progress.add(each)
    return progress


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_events_are_the_same_wherever_the_bytes_break(cuts: list[int]) -> None:
    assert events(split_at(STREAM, cuts)) == events([STREAM])


@given(st.lists(st.integers(1, len(STREAM) * 2), max_size=20))
def test_lines_may_end_in_crlf(cuts: list[int]) -> None:
    assert events(split_at(STREAM.replace(b"\n", b"\r\n"), cuts)) == events([STREAM])


def test_comments_and_other_fields_are_passed_over() -> None:
    assert events([b": ping\n\nevent: x\nid: 7\ndata: one\n\n:\n\ndata:two\n\n"]) == [b"one", b"two"]


def test_an_event_without_its_end_is_none() -> None:
    assert events([b"data: one\n\ndata: tw"]) == [b"one"]


@given(st.lists(st.text(), max_size=12))
def test_texts_are_joined_whatever_their_parts(texts: list[str]) -> None:
    whole = aggregated(*text_chunks(*texts), finish()).completion(None)

    assert whole["choices"][0]["message"]["content"] == "".join(texts)


def test_tool_calls_keep_their_id_and_name_when_later_deltas_have_none() -> None:
    def call(**fields: Any) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": 0, "type": "function", **fields}]})

    whole = aggregated(
        call(id="call_1", function={"name": "weather", "arguments": ""}),
        call(id="", function={"name": "", "arguments": '{"city":'}),
        call(id="", function={"arguments": ' "Ulm"}'}),
        finish("tool_calls"),
    ).completion(None)

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
    )

    first, second = aggregate.completion(None)["choices"]
    assert (first["message"]["content"], first["finish_reason"]) == ("A", "stop")
    assert (second["message"]["content"], second["finish_reason"]) == ("B", "length")
    assert second["message"]["reasoning_content"] == "Hm"
    assert aggregate.completion({"completion_tokens": 9})["usage"] == {"completion_tokens": 9}


def test_an_answer_is_finished_when_each_choice_that_began_is() -> None:
    one, other = chunk({"content": "A"}, index=0), chunk({"content": "B"}, index=1)

    assert not progress_of().is_finished
    assert not progress_of(one, other, finish(index=0)).is_finished
    assert progress_of(one, other, finish(index=0), finish(index=1)).is_finished


def test_it_is_complete_only_with_every_choice_that_was_asked_for() -> None:
    one = (chunk({"content": "A"}, index=0), finish(index=0))

    assert progress_of(*one).is_complete
    assert progress_of(*one, choices=2).is_finished
    assert not progress_of(*one, choices=2).is_complete


def test_the_usage_that_was_told_last_counts() -> None:
    progress = progress_of(usage(7, 9), usage(7, 12), chunk({"content": "A"}))

    assert progress.usage
    assert progress.usage["completion_tokens"] == 12


@pytest.mark.parametrize(
    ("delta", "is_output"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": None, "tool_calls": []}, False),
        ({"content": "A"}, True),
        ({"reasoning_content": "Hm"}, True),
        ({"refusal": "No"}, True),
        ({"tool_calls": [{"index": 0, "id": "call_1"}]}, True),
    ],
    ids=json.dumps,
)
def test_a_role_alone_is_no_output(delta: dict[str, Any], is_output: bool) -> None:
    assert AnswerProgress(1).add(chunk(delta)) == is_output

"""Chunks that no protocol knows: an answer is broken, never half read and never a defect of ours."""

import json
from typing import Any

import pytest

from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream.aggregate import Aggregate
from tests.builders import chunk, finish, text_chunks


@pytest.mark.parametrize(
    "part",
    [
        {"choices": "text"},
        {"choices": 7},
        {"choices": {"0": {}}},
        {"choices": [None]},
        {"choices": ["text"]},
        {"choices": [{"index": "0"}]},
        {"choices": [{"index": []}]},
        {"choices": [{"delta": "text"}]},
        {"choices": [{"delta": ["text"]}]},
        {"choices": [{"delta": {"content": ["text"]}}]},
        {"choices": [{"delta": {"reasoning_content": 7}}]},
        {"choices": [{"delta": {"tool_calls": 7}}]},
        {"choices": [{"delta": {"tool_calls": [None]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": {}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": "weather"}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": {"city": "Ulm"}}}]}}]},
        {"choices": [{"logprobs": "text"}]},
        {"choices": [{"logprobs": {"content": 7}}]},
        {"choices": [{"finish_reason": 7}]},
    ],
    ids=json.dumps,
)
def test_a_part_of_another_kind_breaks_the_answer(part: dict[str, Any]) -> None:
    aggregate = Aggregate()

    with pytest.raises(ProviderAnswerBroken):
        aggregate.add(part)


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"index": None, "delta": None, "logprobs": None, "finish_reason": None}]},
        {"choices": [{"delta": {"content": None, "tool_calls": None, "role": None, "audio": None}}]},
    ],
    ids=json.dumps,
)
def test_what_is_null_or_left_out_adds_nothing(part: dict[str, Any]) -> None:
    aggregate = Aggregate()
    for each in (*text_chunks("Hello."), part, finish()):
        aggregate.add(each)

    (choice,) = aggregate.completion(None)["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello."}
    assert choice["logprobs"] is None


def test_logprobs_are_joined_and_a_null_in_a_later_chunk_takes_nothing_away() -> None:
    aggregate = Aggregate()
    for values in ([{"token": "a"}], [{"token": "b"}, {"token": "c"}], None):
        aggregate.add(chunk({"content": "x"}, logprobs={"content": values, "refusal": None}))

    (choice,) = aggregate.completion(None)["choices"]
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}, {"token": "c"}], "refusal": None}


def test_what_a_message_has_beside_its_texts_is_kept_as_it_came_last() -> None:
    aggregate = Aggregate()
    for each in (chunk({"role": "assistant", "annotations": [1]}), chunk({"annotations": [2]}), finish()):
        aggregate.add(each)

    message = aggregate.completion(None)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "", "annotations": [2]}

"""Chat answers: read strictly, followed to their end, and assembled."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream.operations.chat_answer import ChatReader, WholeChatReader
from qwen_gateway.upstream.operations.chunks import DONE
from qwen_gateway.usage import Usage
from tests.builders import chunk, finish, text_chunks, usage


def read(*chunks: dict[str, Any], choices: int = 1) -> WholeChatReader:
    reader = WholeChatReader(choices)
    for each in chunks:
        reader.read(json.dumps(each).encode())
    return reader


def assemble(*chunks: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer of chunks, to which the end of a stream is added."""
    reader = read(*chunks)
    reader.read(DONE)
    reader.finish()
    return reader.answer


def is_accepted_at_its_end(reader: ChatReader) -> bool:
    try:
        reader.finish()
    except ProviderAnswerBroken:
        return False
    return True


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=12))
def test_texts_are_joined_however_they_are_split(texts: list[str]) -> None:
    whole = assemble(*text_chunks(*texts), finish())

    assert whole["choices"][0]["message"]["content"] == "".join(texts)


def test_tool_calls_keep_their_id_and_name_when_later_deltas_have_none() -> None:
    def call(**fields: Any) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": 0, "type": "function", **fields}]})

    whole = assemble(
        call(id="call_1", function={"name": "weather", "arguments": ""}),
        call(id="", function={"name": "", "arguments": '{"city":'}),
        call(id="", function={"arguments": ' "Ulm"}'}),
        finish("tool_calls"),
    )

    (choice,) = whole["choices"]
    (tool_call,) = choice["message"]["tool_calls"]
    assert (tool_call["id"], tool_call["function"]["name"]) == ("call_1", "weather")
    assert json.loads(tool_call["function"]["arguments"]) == {"city": "Ulm"}
    assert choice["message"]["content"] is None


def test_choices_and_reasoning_are_separate() -> None:
    whole = assemble(
        chunk({"reasoning_content": "Hm"}, index=1),
        chunk({"content": "B"}, index=1),
        chunk({"content": "A"}, index=0),
        finish(index=0),
        finish("length", index=1),
    )

    first, second = whole["choices"]
    assert (first["message"]["content"], first["finish_reason"]) == ("A", "stop")
    assert (second["message"]["content"], second["finish_reason"]) == ("B", "length")
    assert second["message"]["reasoning_content"] == "Hm"
    assert "usage" not in whole


def test_the_last_usage_counts() -> None:
    chunks = (usage(7, 9), usage(7, 12), chunk({"content": "A"}), finish())

    assert read(*chunks).usage == Usage(tokens_in=7, tokens_out=12)
    assert assemble(*chunks)["usage"] == usage(7, 12)["usage"]


def test_an_answer_without_usage_has_none() -> None:
    assert read(chunk({"content": "A"})).usage is None


ONE, OTHER = chunk({"content": "A"}, index=0), chunk({"content": "B"}, index=1)


@pytest.mark.parametrize(
    ("chunks", "choices", "is_complete", "accepted_with_done"),
    [
        ((), 1, False, False),
        ((ONE, OTHER, finish(index=0)), 1, False, False),
        ((ONE, OTHER, finish(index=0), finish(index=1)), 1, True, True),
        ((ONE, finish(index=0)), 1, True, True),
        ((ONE, finish(index=0)), 2, False, True),
    ],
    ids=["no chunk", "one of two finished", "both finished", "one finished", "one of two requested"],
)
def test_an_answer_is_complete_when_every_requested_choice_is_finished(
    chunks: tuple[dict[str, Any], ...], choices: int, is_complete: bool, accepted_with_done: bool
) -> None:
    reader = read(*chunks, choices=choices)
    assert (reader.is_complete, is_accepted_at_its_end(reader)) == (is_complete, is_complete)

    reader.read(DONE)
    assert reader.is_over
    assert is_accepted_at_its_end(reader) == accepted_with_done


@pytest.mark.parametrize(
    ("delta", "outputs"),
    [
        ({"role": "assistant", "content": ""}, 0),
        ({"role": "assistant", "content": None, "tool_calls": []}, 0),
        ({"content": "A"}, 1),
        ({"reasoning_content": "Hm"}, 1),
        ({"refusal": "No"}, 1),
        ({"thinking": "Hm"}, 1),
        ({"role": "assistant", "type": "text", "images": []}, 0),
        ({"tool_calls": [{"index": 0, "id": "call_1"}]}, 1),
    ],
    ids=json.dumps,
)
def test_a_role_alone_is_no_output(delta: dict[str, Any], outputs: int) -> None:
    assert read(chunk(delta)).outputs == outputs


@pytest.mark.parametrize(
    "part",
    [
        {"choices": "text"},
        {"choices": 7},
        {"choices": {"0": {}}},
        {"choices": [None]},
        {"choices": ["text"]},
        {"choices": [{"index": "first"}]},
        {"choices": [{"index": []}]},
        {"choices": [{"delta": "text"}]},
        {"choices": [{"delta": ["text"]}]},
        {"choices": [{"delta": {"content": ["text"]}}]},
        {"choices": [{"delta": {"reasoning_content": 7}}]},
        {"choices": [{"delta": {"tool_calls": 7}}]},
        {"choices": [{"delta": {"tool_calls": [None]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": {}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": "weather"}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"id": [7]}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": ["weather"]}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": 7}}]}}]},
        {"choices": [{"delta": {"function_call": "weather"}}]},
        {"choices": [{"delta": {"function_call": {"arguments": 7}}}]},
        {"choices": [{"logprobs": "text"}]},
        {"choices": [{"logprobs": {"content": 7}}]},
        {"choices": [{"finish_reason": 7}]},
    ],
    ids=json.dumps,
)
def test_a_part_of_the_wrong_type_breaks_the_answer(part: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerBroken):
        read(part)


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"index": None, "delta": None, "logprobs": None, "finish_reason": None}]},
        {"choices": [{"delta": [], "logprobs": [], "finish_reason": " None"}]},
        {"choices": [{"finish_reason": False}]},
        {"choices": [{"delta": {"content": None, "tool_calls": None, "role": None, "audio": None}}]},
    ],
    ids=json.dumps,
)
def test_a_null_or_missing_part_adds_nothing(part: dict[str, Any]) -> None:
    (choice,) = assemble(*text_chunks("Hello."), part, finish())["choices"]

    assert choice["message"] == {"role": "assistant", "content": "Hello."}
    assert choice["logprobs"] is None


def test_logprobs_are_joined_and_a_later_null_removes_nothing() -> None:
    whole = assemble(
        *(
            chunk({"content": "x"}, logprobs={"content": values, "refusal": None})
            for values in ([{"token": "a"}], [{"token": "b"}, {"token": "c"}], None)
        ),
        finish(),
    )

    (choice,) = whole["choices"]
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}, {"token": "c"}], "refusal": None}


def test_lists_of_an_unknown_field_are_appended() -> None:
    whole = assemble(chunk({"role": "assistant", "annotations": [1]}), chunk({"annotations": [2]}), finish())

    message = whole["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "", "annotations": [1, 2]}

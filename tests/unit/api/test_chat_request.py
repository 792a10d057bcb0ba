"""The few fields of a chat request that the gateway validates; the provider validates the rest."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.errors import RequestInvalid
from tests.builders import chat_request


def message_with(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def function_tool(function: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": function}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": ["qwen-plus"]}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x"}, None]}, "messages[1]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": None, "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        (message_with(7), "messages[0].content"),
        (message_with({"type": "text", "text": "x"}), "messages[0].content"),
        (message_with(["x"]), "messages[0].content[0]"),
        (message_with([{"type": "text", "text": "x"}, {"text": "x"}]), "messages[0].content[1].type"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"n": 0}, "n"),
        ({"n": 5}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": 9}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.01}, "top_p"),
        ({"tools": {}}, "tools"),
        ({"tools": ["weather"]}, "tools[0]"),
        ({"tools": [{"type": 7}]}, "tools[0].type"),
        (function_tool({}), "tools[0].function.name"),
        (function_tool({"name": ""}), "tools[0].function.name"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"extra_body": {"temperature": 9}}, "temperature"),
        ({"extra_body": {"extra_body": {"n": 0}}}, "n"),
        ({"extra_body": "enable_thinking"}, "extra_body"),
        ({"extra_body": [{}]}, "extra_body"),
    ],
    ids=repr,
)
def test_an_invalid_field_is_rejected_with_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        ChatRequest.parse(json.dumps(chat_request(**fields)).encode())

    assert raised.value.param == param
    assert "instance of" not in raised.value.message, "the message names a Python class"


@pytest.mark.parametrize(
    ("fields", "merged"),
    [
        ({"extra_body": {"enable_thinking": False, "top_k": 3}}, {"enable_thinking": False, "top_k": 3}),
        ({"n": 1, "extra_body": {"n": 2, "stream": True}}, {"n": 1, "stream": True}),
        ({"top_k": None, "extra_body": {"top_k": 2}}, {"top_k": None}),
        ({"extra_body": {"top_k": 1, "extra_body": {"top_k": 2, "x": 1}}}, {"top_k": 1, "x": 1}),
        ({"extra_body": {}}, {}),
        ({"extra_body": None}, {}),
    ],
)
def test_the_fields_of_an_extra_body_count_as_fields_of_the_request(
    fields: dict[str, Any], merged: dict[str, Any]
) -> None:
    request = ChatRequest.parse(json.dumps(chat_request(**fields)).encode())

    assert request.body == chat_request(**merged)


def test_a_model_in_the_extra_body_is_the_model() -> None:
    request = ChatRequest.validate({"extra_body": chat_request(model="qwen-max", stream=True)})

    assert (request.model, request.streams) == ("qwen-max", True)


def test_the_error_does_not_quote_the_field() -> None:
    with pytest.raises(RequestInvalid) as raised:
        ChatRequest.parse(json.dumps(chat_request(temperature="a marked prompt")).encode())

    assert "marked" not in raised.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}]}]},
        {"messages": [{"role": "assistant", "reasoning_content": ""}]},
        {
            "messages": [
                {"role": "tool", "content": "1", "tool_call_id": "c"},
                {"role": "function", "name": "f"},
            ]
        },
        message_with([]),
        message_with([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]),
        message_with([{"type": "video_url", "video_url": {"url": "https://v.example/v.mp4"}}, {"type": "unknown"}]),
        {"stream": False, "stream_options": None},
        {"n": 4, "temperature": 2, "top_p": 0, "max_tokens": 10**9, "max_completion_tokens": 1},
        dict.fromkeys(("n", "temperature", "top_p", "max_tokens", "tools", "response_format", "stop", "seed")),
        function_tool(
            {"name": "f", "strict": True, "parameters": {"$schema": "https://json-schema.org/draft-07/schema"}}
        ),
        {"tools": [{"type": "unknown"}], "tool_choice": {"type": "unknown"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}, "strict": True}}},
        {"enable_thinking": True, "thinking_budget": 5, "top_k": 3, "enable_search": False},
        {"chat_template_kwargs": {"enable_thinking": False}, "unknown_field": [{"a": [None, 1.5, {"b": "ü"}]}]},
    ],
    ids=repr,
)
def test_every_other_field_is_kept_unchanged(fields: dict[str, Any]) -> None:
    sent = chat_request(**fields)

    assert ChatRequest.parse(json.dumps(sent).encode()) == ("qwen-plus", sent)


@pytest.mark.parametrize(
    "fields",
    [{"tools": [{}] * 20_000}, {"messages": [{}] * 20_000}, message_with([1] * 20_000)],
    ids=["valid tools", "invalid messages", "invalid parts"],
)
def test_validation_of_many_items_takes_little_more_memory_than_parsing(fields: dict[str, Any]) -> None:
    """A body has room for millions of items; validation must not keep an object per item."""
    body = json.dumps(chat_request(**fields)).encode()
    parsing = peak_memory(lambda: json.loads(body))

    assert peak_memory(lambda: parse_or_catch(body)) < 2 * parsing


def peak_memory(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def parse_or_catch(body: bytes) -> object:
    try:
        return ChatRequest.parse(body)
    except RequestInvalid as error:
        return error

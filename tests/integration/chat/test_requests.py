"""Validation of requests, and the form of every response."""

import re
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway

ULID = re.compile(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")
HUGE_NUMBER = '{"model": "qwen-plus", "messages": [{"role": "user", "content": "x"}], "seed": ' + "9" * 10_000 + "}"

INVALID = [
    pytest.param(None, None, "empty", id="no body"),
    pytest.param("{", None, "not JSON", id="not JSON"),
    pytest.param("[1]", None, "array", id="a list"),
    pytest.param('"text"', None, "string", id="a string"),
    pytest.param("[" * 100_000, None, "deep", id="nested"),
    pytest.param(HUGE_NUMBER, None, "digits", id="a number of 10,000 digits"),
    pytest.param('{"temperature": NaN}', None, "NaN", id="NaN"),
    pytest.param('{"temperature": -Infinity}', None, "Infinity", id="Infinity"),
    pytest.param(b"\xff\xfe", None, "UTF-8", id="not UTF-8"),
    pytest.param({"messages": [{"role": "user", "content": "x"}]}, "model", "missing", id="no model"),
    pytest.param({"model": "qwen-plus"}, "messages", "missing", id="no messages"),
    pytest.param(chat_request(model=7), "model", "string", id="model is a number"),
    pytest.param(chat_request(messages=[]), "messages", "at least 1", id="messages is empty"),
    pytest.param(chat_request(messages="hi"), "messages", "list", id="messages is a string"),
    pytest.param(chat_request(messages=[{"role": "robot"}]), "messages[0].role", "user", id="unknown role"),
    pytest.param(chat_request(messages=[{"content": "x"}]), "messages[0].role", "missing", id="no role"),
    pytest.param(chat_request(n=0), "n", "greater", id="n 0"),
    pytest.param(chat_request(n=5), "n", "less", id="n 5"),
    pytest.param(chat_request(n=True), "n", "integer", id="n true"),
    pytest.param(chat_request(temperature=9), "temperature", "less", id="temperature 9"),
    pytest.param(chat_request(top_p=-1), "top_p", "greater", id="top_p -1"),
    pytest.param(chat_request(max_tokens=0), "max_tokens", "greater", id="max_tokens 0"),
    pytest.param(chat_request(max_tokens="5"), "max_tokens", "integer", id="max_tokens is a string"),
    pytest.param(chat_request(tools={}), "tools", "list", id="tools is an object"),
    pytest.param(chat_request(response_format={"type": "xml"}), "response_format.type", "json", id="unknown format"),
]


@pytest.mark.parametrize(("body", "param", "message_part"), INVALID)
def test_an_invalid_body_returns_an_error_that_names_the_field(
    gateway: Gateway, provider: RunningMockQwen, body: Any, param: str | None, message_part: str
) -> None:
    answer = gateway.chat(body)

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == param
    assert message_part in answer.body["error"]["message"]
    assert gateway.records() == []
    assert provider.calls() == []


def test_an_oversized_body_returns_an_error_that_names_the_limit(gateway: Gateway) -> None:
    answer = gateway.chat(chat_request(user="x" * 5_600_000))

    assert answer.error == (413, "invalid_request_error", "request_too_large")
    assert "5500000" in answer.body["error"]["message"]


def test_an_unknown_model_returns_an_error_and_writes_no_record(gateway: Gateway) -> None:
    answer = gateway.chat(chat_request(model="gpt-4o"))

    assert answer.error == (404, "invalid_request_error", "model_not_found")
    assert answer.body["error"]["param"] == "model"
    assert gateway.records() == []


def test_every_response_has_cors_headers_and_a_request_id(gateway: Gateway) -> None:
    for answer in (gateway.chat(chat_request()), gateway.chat("{"), gateway.models()):
        assert ULID.fullmatch(answer.headers["x-request-id"])
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_an_answer_is_valid_for_the_openai_sdk(gateway: Gateway, provider: RunningMockQwen) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    provider.control({"reasoning_tokens": 5, "cached_tokens": 4})

    text = ChatCompletion.model_validate(gateway.chat(chat_request(n=2, logprobs=True)).body, strict=True)
    called = ChatCompletion.model_validate(gateway.chat(chat_request(tools=tools)).body, strict=True)

    assert [choice.finish_reason for choice in text.choices] == ["stop", "stop"]
    assert text.choices[0].logprobs is not None
    assert text.choices[0].message.to_dict()["reasoning_content"]
    assert text.usage is not None
    assert text.usage.prompt_tokens_details is not None
    assert text.usage.prompt_tokens_details.cached_tokens == 4
    assert called.choices[0].finish_reason == "tool_calls"
    (call,) = called.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.id
    assert (call.function.name, call.function.arguments) == ("weather", "{}")

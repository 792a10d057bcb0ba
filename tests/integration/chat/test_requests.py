"""What a client may send, and what it reads when it may not."""

import re
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway

ULID = re.compile(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")
HUGE_NUMBER = '{"model": "qwen-plus", "messages": [{"role": "user", "content": "x"}], "seed": ' + "9" * 10_000 + "}"

REFUSED = [
    pytest.param(None, None, "empty", id="no body"),
    pytest.param("{", None, "not JSON", id="not JSON"),
    pytest.param("[1]", None, "array", id="a list"),
    pytest.param('"text"', None, "string", id="a string"),
    pytest.param("[" * 100_000, None, "deep", id="nested"),
    pytest.param(HUGE_NUMBER, None, "digits", id="a number of 10,000 digits"),
    pytest.param('{"temperature": NaN}', None, "NaN", id="NaN"),
    pytest.param('{"temperature": -Infinity}', None, "Infinity", id="Infinity"),
    pytest.param(b"\xff\xfe", None, "UTF-8", id="not UTF-8"),
    pytest.param('{"model": "qwen-plus", "messages": "\\ud800"}', None, "surrogate", id="half a surrogate pair"),
    pytest.param({"messages": [{"role": "user", "content": "x"}]}, "model", "missing", id="no model"),
    pytest.param({"model": "qwen-plus"}, "messages", "missing", id="no messages"),
    pytest.param(chat_request(model=7), "model", "string", id="model a number"),
    pytest.param(chat_request(messages=[]), "messages", "at least 1", id="messages empty"),
    pytest.param(chat_request(messages="hi"), "messages", "list", id="messages a text"),
    pytest.param(chat_request(messages=[{"role": "robot"}]), "messages[0].role", "user", id="unknown role"),
    pytest.param(chat_request(messages=[{"content": "x"}]), "messages[0].role", "missing", id="no role"),
    pytest.param(chat_request(n=0), "n", "greater", id="n 0"),
    pytest.param(chat_request(n=5), "n", "less", id="n 5"),
    pytest.param(chat_request(n=True), "n", "integer", id="n true"),
    pytest.param(chat_request(temperature=9), "temperature", "less", id="temperature 9"),
    pytest.param(chat_request(top_p=-1), "top_p", "greater", id="top_p -1"),
    pytest.param(chat_request(max_tokens=0), "max_tokens", "greater", id="max_tokens 0"),
    pytest.param(chat_request(max_tokens="5"), "max_tokens", "integer", id="max_tokens a text"),
    pytest.param(chat_request(tools={}), "tools", "list", id="tools an object"),
    pytest.param(chat_request(response_format={"type": "xml"}), "response_format.type", "json", id="unknown format"),
]


@pytest.mark.parametrize(("body", "param", "words"), REFUSED)
def test_a_wrong_body_is_refused_with_what_to_change(
    gateway: Gateway, provider: RunningProvider, body: Any, param: str | None, words: str
) -> None:
    answer = gateway.chat(body)

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == param
    assert words in answer.body["error"]["message"]
    assert gateway.records() == []
    assert provider.calls() == []


def test_a_body_that_does_not_fit_names_the_limit(gateway: Gateway) -> None:
    answer = gateway.chat(chat_request(user="x" * 5_600_000))

    assert answer.error == (413, "invalid_request_error", "request_too_large")
    assert "5500000" in answer.body["error"]["message"]


def test_an_unknown_model_is_named_and_leaves_no_record(gateway: Gateway) -> None:
    answer = gateway.chat(chat_request(model="gpt-4o"))

    assert answer.error == (404, "invalid_request_error", "model_not_found")
    assert answer.body["error"]["param"] == "model"
    assert gateway.records() == []


def test_every_answer_can_be_read_by_a_browser_and_found_again(gateway: Gateway) -> None:
    for answer in (gateway.chat(chat_request()), gateway.chat("{"), gateway.models()):
        assert ULID.fullmatch(answer.headers["x-request-id"])
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_what_the_gateway_does_not_use_goes_through_verbatim(gateway: Gateway, provider: RunningProvider) -> None:
    sent = chat_request(
        messages=[
            {
                "role": "system",
                "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            },
            {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": []},
            {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://v.example/v.mp4"}}]},
        ],
        enable_thinking=False,
        top_k=3,
        seed=None,
        unheard_of={"deep": [{"deeper": None}]},
    )

    assert gateway.chat(sent).status == 200

    (call,) = provider.calls()
    forwarded = {name: value for name, value in call["body"].items() if name not in {"stream", "stream_options"}}
    assert forwarded == sent


def test_an_answer_is_what_openais_client_expects(gateway: Gateway, provider: RunningProvider) -> None:
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

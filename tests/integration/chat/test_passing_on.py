"""What arrives at the provider of an unusual request, and what arrives at the client of a refusal."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway


def nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = {"in": [value]}
    return value


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"unheard_of": nested(500)}, id="a thousand levels"),
        pytest.param({"seed": 10**4000}, id="a number of 4,000 digits"),
        pytest.param({"top_p": 0.1 + 0.2, "presence_penalty": -0.0, "x": 1e-320}, id="floats"),
        pytest.param({"stop": ["\0", "\u2028", "Grüße 世界 \N{GRINNING FACE}", "</script>"]}, id="texts"),
        pytest.param({"": {"": [{}, [], None, False]}}, id="empty names"),
        pytest.param({"thinking_budget": 5, "enable_search": True, "search_options": {"x": 1}}, id="Qwen's own"),
        pytest.param({"stream": None, "n": None, "tools": None, "max_tokens": None}, id="nulls"),
        pytest.param({"timeout": 1, "extra_headers": {"a": "b"}, "extra_body": {"c": 1}}, id="the SDK's own words"),
    ],
)
def test_it_arrives_as_it_was_sent(gateway: Gateway, provider: RunningMockQwen, fields: dict[str, Any]) -> None:
    sent = chat_request(**fields)

    gateway.chat(sent)

    (call,) = provider.calls()
    assert call["body"] == sent | {"stream": True, "stream_options": {"include_usage": True}}


def test_a_clients_stream_options_do_not_decide_whether_usage_is_known(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    answer = gateway.chat(chat_request(stream=False, stream_options={"include_usage": False}))

    assert answer.body["usage"]["total_tokens"] > 0


def test_a_number_that_no_float_holds_is_refused_and_never_passed_on_as_infinite(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    body = json.dumps(chat_request(x="huge")).replace('"huge"', "1e999")

    assert gateway.chat(body).error == (400, "invalid_request_error", "invalid_request")
    assert provider.calls() == []


def test_a_providers_refusal_is_told_in_its_own_words(gateway: Gateway, provider: RunningMockQwen) -> None:
    long = [{"role": "user", "content": "x" * 4_000_000}]

    answer = gateway.chat(chat_request(messages=long))

    assert answer.error == (400, "invalid_request_error", "provider_refused")
    assert answer.body["error"]["message"] == "Range of input length should be [1, 997952]"
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-model"]) == ("dashscope", "qwen-plus")


@pytest.mark.parametrize(("asked", "told"), [("7", "7"), ("0.2", "1"), ("-1", "2"), ("soon", "2"), ("1e9", "3600")])
def test_a_providers_retry_after_is_handed_on_when_it_makes_sense(
    gateway: Gateway, provider: RunningMockQwen, asked: str, told: str
) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests", "headers": {"Retry-After": asked}}]})

    answer = gateway.chat(chat_request())

    assert answer.headers["retry-after"] == told
    assert answer.headers["x-should-retry"] == "false"

"""Fields that the gateway does not use reach the provider verbatim."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway


def nest(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = {"in": [value]}
    return value


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"unknown_field": nest(500)}, id="a thousand levels"),
        pytest.param({"seed": 10**4000}, id="a number of 4,000 digits"),
        pytest.param({"top_p": 0.1 + 0.2, "presence_penalty": -0.0, "x": 1e-320}, id="floats"),
        pytest.param({"stop": ["\0", "\u2028", "Grüße 世界 \N{GRINNING FACE}", "</script>"]}, id="unusual strings"),
        pytest.param({"": {"": [{}, [], None, False]}}, id="empty names"),
        pytest.param({"thinking_budget": 5, "enable_search": True, "search_options": {"x": 1}}, id="Qwen parameters"),
        pytest.param({"stream": None, "n": None, "tools": None, "max_tokens": None}, id="nulls"),
        pytest.param({"timeout": 1, "extra_headers": {"a": "b"}}, id="names of SDK parameters"),
    ],
)
def test_an_unusual_field_reaches_the_provider_unchanged(
    gateway: Gateway, provider: RunningMockQwen, fields: dict[str, Any]
) -> None:
    sent = chat_request(**fields)

    gateway.chat(sent)

    (call,) = provider.calls()
    assert call["body"] == sent | {"stream": True, "stream_options": {"include_usage": True}}


def test_unused_fields_at_any_depth_reach_the_provider_unchanged(gateway: Gateway, provider: RunningMockQwen) -> None:
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
        unknown_field={"deep": [{"deeper": None}]},
    )

    assert gateway.chat(sent).status == 200

    (call,) = provider.calls()
    forwarded = {name: value for name, value in call["body"].items() if name not in {"stream", "stream_options"}}
    assert forwarded == sent


def test_usage_is_returned_whatever_the_stream_options_of_the_client(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    answer = gateway.chat(chat_request(stream=False, stream_options={"include_usage": False}))

    assert answer.body["usage"]["total_tokens"] > 0


def test_a_number_beyond_the_range_of_a_float_is_rejected_and_not_sent_as_infinity(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    body = json.dumps(chat_request(x="huge")).replace('"huge"', "1e999")

    assert gateway.chat(body).error == (400, "invalid_request_error", "invalid_request")
    assert provider.calls() == []

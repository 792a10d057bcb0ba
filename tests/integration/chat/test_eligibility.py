"""The choice of a target by the features that a request needs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import MakeGateway

BEFORE_RETIREMENTS = datetime(2026, 9, 1, tzinfo=UTC)
ROUTES = {
    "anything": [
        {"model": name} for name in ("qwq-plus", "qwen3-coder-plus", "qwen3-max", "qwen3-vl-plus", "qwen-flash")
    ]
}
IMAGE = {"type": "image_url", "image_url": {"url": "https://i.example/i.png"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
FORCED = {"tools": [{"type": "function", "function": {"name": "weather"}}], "tool_choice": "required"}


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({}, "qwq-plus"),
        ({"enable_thinking": True}, "qwq-plus"),
        ({"response_format": SCHEMA}, "qwen3-coder-plus"),
        (FORCED, "qwen3-coder-plus"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "qwen3-vl-plus"),
        ({"messages": [{"role": "user", "content": "word " * 100_000}]}, "qwen3-coder-plus"),
        ({"response_format": SCHEMA, "enable_thinking": True}, "qwen3-max"),
        ({"messages": [{"role": "user", "content": "word " * 300_000}], "enable_thinking": True}, "qwen-flash"),
    ],
    ids=["text", "thinking", "schema", "forced tool", "image", "long", "schema and thinking", "long and thinking"],
)
def test_a_request_goes_to_the_first_eligible_target(
    make_gateway: MakeGateway, provider: RunningMockQwen, fields: dict[str, Any], model: str
) -> None:
    provider.control({"models": [target["model"] for target in ROUTES["anything"]]})

    answer = make_gateway(provider.url, more={"routes": ROUTES}, now=BEFORE_RETIREMENTS).chat(
        chat_request(model="anything", **fields)
    )

    assert (answer.status, answer.headers["x-gateway-model"]) == (200, model)
    assert [call["model"] for call in provider.calls()] == [model]


def test_a_fallback_must_support_the_capped_max_tokens(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    routes = {"long": [{"model": name} for name in ("qwen3.7-plus", "qwen-plus", "qwen3.8-flash")]}
    provider.control({"faults": [{"model": "qwen3.7-plus", "status": 404, "code": "model_not_found"}]})

    answer = make_gateway(provider.url, attempts=4, more={"routes": routes}).chat(
        chat_request(model="long", max_tokens=100_000)
    )

    assert [(call["model"], call["body"]["max_tokens"]) for call in provider.calls()] == [
        ("qwen3.7-plus", 65_536),
        ("qwen3.8-flash", 65_536),
    ]
    assert answer.headers["x-gateway-max-tokens"] == "65536"


def test_a_request_without_an_eligible_target_returns_the_error_of_the_first(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    """No target meets both needs: the error is about the first, and no provider is called."""
    routes = {"off": [{"model": "qwq-plus"}, {"model": "qwen3-coder-plus"}]}
    fields = {"enable_thinking": False, "messages": [{"role": "user", "content": [IMAGE]}]}

    gateway = make_gateway(provider.url, attempts=4, more={"routes": routes}, now=BEFORE_RETIREMENTS)
    answer = gateway.chat(chat_request(model="off", **fields))

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == "enable_thinking"
    assert provider.calls() == []

"""Adapting requests to models: fields that a model rejects from clients, thinking, max_tokens, dropped fields."""

from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.mock_qwen import chat_client

WEATHER = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
FORCED = {"tools": WEATHER, "tool_choice": "required"}
NAMED = {"tools": WEATHER, "tool_choice": {"type": "function", "function": {"name": "weather"}}}
JSON = {"response_format": {"type": "json_object"}}

ADAPTED = [
    pytest.param("qwen-plus", {"messages": [{"role": "developer", "content": "Be brief."}]}, id="developer"),
    pytest.param("qwen-plus", {"max_tokens": 64_000}, id="max_tokens"),
    pytest.param("qwen-plus", {"max_completion_tokens": 64_000}, id="max_completion_tokens"),
    pytest.param("qwen-plus", JSON, id="the word json"),
    pytest.param("qwen3.6-plus", JSON, id="json_object while thinking"),
    pytest.param("qwen3.6-plus", FORCED, id="a forced tool while thinking"),
    pytest.param("qwen4-max", NAMED, id="a named tool while thinking"),
    pytest.param("qwen3.8-max", {"reasoning_effort": "high"}, id="an unknown effort"),
    pytest.param("qwen4-max", {"reasoning_effort": "high", "thinking_budget": 500}, id="effort and budget"),
    pytest.param("qwen-plus", {"temperature": 2}, id="temperature"),
    pytest.param("qwen-plus", {"top_p": 0}, id="top_p"),
    pytest.param("qwen-plus", {"tools": [], "tool_choice": "auto"}, id="empty tools"),
    pytest.param("qwen-plus", {"functions": []}, id="empty functions"),
    pytest.param(
        "qwen3.6-plus", {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}, **FORCED},
        id="thinking switched off in the forms of other APIs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields"), ADAPTED)
def test_a_request_that_the_model_rejects_is_adapted_and_accepted(
    gateway: Gateway, provider: RunningMockQwen, model: str, fields: dict[str, Any]
) -> None:
    assert chat_client.post(provider, model=model, stream=True, **fields).status_code == 400

    answer = gateway.chat(chat_request(model=model, **fields))

    assert (answer.status, answer.headers["x-gateway-model"]) == (200, model)


@pytest.mark.parametrize(
    ("fields", "thinks"),
    [
        ({"reasoning_effort": "low"}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"reasoning": {"effort": "high"}}, True),
        ({"reasoning": {"enabled": True}}, True),
        ({"reasoning": {"max_tokens": 500}}, True),
        ({"extra_body": {"enable_thinking": True}}, True),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": False}}, False),
        ({"extra_body": {"enable_thinking": False}}, False),
        ({"thinking": {"type": "disabled"}}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.6-plus", "qwen3.8-max", "qwen4-max"])
def test_every_form_of_the_thinking_request_works_for_every_model(
    gateway: Gateway, provider: RunningMockQwen, model: str, fields: dict[str, Any], *, thinks: bool
) -> None:
    message = gateway.chat(chat_request(model=model, **fields)).body["choices"][0]["message"]

    assert bool(message.get("reasoning_content")) == thinks
    (call,) = provider.calls()
    assert call["body"].keys().isdisjoint({"reasoning", "extra_body"})


def test_a_forced_tool_with_requested_thinking_is_rejected_and_recorded(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    answer = gateway.chat(chat_request(enable_thinking=True, **FORCED))

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == "tool_choice"
    assert "enable_thinking" in answer.body["error"]["message"]
    assert provider.calls() == []
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], record.get("attempts", [])) == (400, "invalid_request", [])


@pytest.mark.parametrize(
    ("model", "requested", "capped"),
    [("qwen-plus", 64_000, 32_768), ("qwen-plus", 32_768, None), ("qwen-max", 500_000, 393_000)],
)
def test_a_capped_max_tokens_is_returned_in_a_header(
    gateway: Gateway, provider: RunningMockQwen, model: str, requested: int, capped: int | None
) -> None:
    answer = gateway.chat(chat_request(model=model, max_tokens=requested))

    (call,) = provider.calls()
    assert call["body"]["max_tokens"] == (capped or requested)
    assert answer.headers.get("x-gateway-max-tokens") == (str(capped) if capped else None)


@pytest.mark.parametrize("stream", [False, True])
def test_numbers_that_the_model_rejects_are_returned_in_headers(
    gateway: Gateway, provider: RunningMockQwen, *, stream: bool
) -> None:
    request = chat_request(temperature=2, top_p=0, stream=stream)

    headers = gateway.stream(request).headers if stream else gateway.chat(request).headers

    (call,) = provider.calls()
    assert (call["body"]["temperature"], call["body"]["top_p"]) == (1.999, 0.001)
    assert (headers["x-gateway-temperature"], headers["x-gateway-top-p"]) == ("1.999", "0.001")
    assert "x-gateway-max-tokens" not in headers


def test_metadata_is_recorded_although_it_is_not_sent_to_the_provider(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    sent = {"metadata": {"team": "blue"}, "store": True, "service_tier": "auto", "prompt_cache_key": "k"}

    assert gateway.chat(chat_request(**sent)).status == 200

    (call,) = provider.calls()
    assert call["body"].keys().isdisjoint(sent)
    (record,) = gateway.records()
    assert record["tags"] == {"team": "blue"}


def test_a_provider_without_a_catalog_receives_the_request_unchanged(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    settings = {"providers": {"dashscope": {"base_url": f"{provider.url}/v1", "catalog": None}}}
    sent = chat_request(store=True, reasoning_effort="low", thinking={"type": "enabled"}, max_tokens=5)

    make_gateway(provider.url, more=settings).chat(sent)

    (call,) = provider.calls()
    assert call["body"] == sent | {"stream": True, "stream_options": {"include_usage": True}}


def test_a_provider_without_usage_in_streams_receives_no_stream_options(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    settings = {"providers": {"dashscope": {"base_url": f"{provider.url}/v1", "stream_usage": False}}}

    answer = make_gateway(provider.url, more=settings).chat(chat_request())

    (call,) = provider.calls()
    assert call["body"] == chat_request(stream=True)
    assert (answer.status, answer.body.get("usage")) == (200, None)

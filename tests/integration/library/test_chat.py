"""`QwenClient.chat`: answers and errors."""

from typing import Any

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.errors import (
    GatewayError,
    ModelUnknown,
    ProviderKeyRefused,
    ProviderRefused,
    ProviderTimeout,
    RequestInvalid,
)
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import QWEN_MAX, chat_request
from tests.integration.library.conftest import MakeClient


def test_an_answer_has_content_usage_latency_and_target(client: QwenClient, provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 7, "completion_tokens": 5})

    answer = client.chat("Say hello.")

    assert "Say hello." in answer.content
    assert answer.usage is not None
    assert (answer.usage.tokens_in, answer.usage.tokens_out) == (7, 5)
    assert (answer.provider, answer.model) == ("dashscope", "qwen-plus")
    (attempt,) = answer.attempts
    assert (attempt.status, attempt.charged) == (200, "billed")
    assert answer.latency_ms >= attempt.latency_ms >= 0
    assert answer.whole["object"] == "chat.completion"
    assert answer.whole["choices"][0]["message"]["content"] == answer.content


def test_parameters_and_the_model_reach_the_provider(client: QwenClient, provider: RunningMockQwen) -> None:
    client.chat("Say hello.", "qwen-turbo", temperature=0.2, top_k=3)

    (call,) = provider.calls()
    assert call["body"]["messages"] == [{"role": "user", "content": "Say hello."}]
    assert (call["model"], call["body"]["temperature"], call["body"]["top_k"]) == ("qwen-flash", 0.2, 3)


def test_a_spent_quota_falls_back_to_the_next_target(client: QwenClient, provider: RunningMockQwen) -> None:
    spent = {"status": 403, "code": "insufficient_quota", "message": "Free allocated quota exceeded."}
    provider.control({"faults": [{"model": QWEN_MAX[0], "times": 9, **spent}]})

    answer = client.chat("Say hello.", "qwen-max")

    assert (answer.provider, answer.model) == ("dashscope", QWEN_MAX[1])
    assert [(each.target.model, each.status) for each in answer.attempts] == [(QWEN_MAX[0], 403), (QWEN_MAX[1], 200)]


def test_an_answer_with_only_tool_calls_has_no_content(client: QwenClient) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}

    answer = client.chat("Look it up.", tools=[tool])

    assert answer.content == ""
    assert answer.whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look_up"


@pytest.mark.parametrize(
    ("prompt", "parameters", "kind"),
    [
        ([], {}, RequestInvalid),
        ("Say hello.", {"n": 9}, RequestInvalid),
        ("Say hello.", {"stream": True}, RequestInvalid),
        ("Say hello.", {"model": "gpt-4"}, ModelUnknown),
        (chat_request(model="gpt-4"), {}, ModelUnknown),
    ],
    ids=repr,
)
def test_an_invalid_request_is_rejected_without_an_upstream_call(
    client: QwenClient, provider: RunningMockQwen, prompt: Any, parameters: dict[str, Any], kind: type[GatewayError]
) -> None:
    with pytest.raises(kind):
        client.chat(prompt, **parameters)
    with pytest.raises(kind):
        client.request(prompt, **parameters)

    assert provider.calls() == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 400, "code": "invalid_parameter_error"}, ProviderRefused),
        ({"status": 401, "code": "invalid_api_key"}, ProviderKeyRefused),
    ],
    ids=lambda value: value["code"] if isinstance(value, dict) else value.__name__,
)
def test_a_provider_error_is_raised_by_its_cause(
    client: QwenClient, provider: RunningMockQwen, fault: dict[str, Any], kind: type[GatewayError]
) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, **fault}]})

    with pytest.raises(kind):
        client.chat("Say hello.")

    assert len(provider.calls()) == 1


def test_the_timeouts_of_client_and_call_limit_the_whole_call(
    make_client: MakeClient, provider: RunningMockQwen
) -> None:
    provider.control({"faults": [{"model": "*", "times": 9, "kind": "hang"}]})

    with pytest.raises(ProviderTimeout, match="whole call"):
        make_client(timeout=0.3).chat("Say hello.")
    with pytest.raises(ProviderTimeout, match="whole call"):
        make_client().chat("Say hello.", timeout=0.3)


def test_request_returns_the_request_without_sending_it(client: QwenClient, provider: RunningMockQwen) -> None:
    assert client.request("Say hello.", "qwen-max", top_k=3) == chat_request(model="qwen-max", top_k=3)
    assert provider.calls() == []

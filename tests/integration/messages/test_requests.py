"""What of a request for a message reaches the provider, and what the limits of the model change in it."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import messages_request
from tests.builders.messages import TOOL, whole_message
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response


def read_request(raw: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the headers and the body of a request to the provider."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, json.loads(body)


def test_a_request_reaches_the_provider_whole(make_gateway: MakeGateway) -> None:
    fields = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Hello."},
            {"role": "system", "content": [{"type": "text", "text": "Mind the time."}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]},
        ],
        "metadata": {"user_id": "someone"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "tools": [TOOL],
        "thinking": {"type": "adaptive", "display": "omitted"},
    }
    with run_fake_provider(respond_with(sse_response(whole_message("Hi.")))) as provider:
        gateway = make_gateway(provider.url)
        gateway.message(
            messages_request(**fields), headers={"anthropic-version": "2026-10-21", "Anthropic-Beta": "a,b"}
        )

    headers, body = read_request(provider.requests[0])
    assert body == {**messages_request(**fields), "stream": True}
    assert provider.requests[0].startswith(b"POST /v1/messages ")
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "a,b")
    assert headers["x-api-key"] == "sk-marked-provider-key"
    assert "authorization" not in headers
    assert gateway.records()[0]["tags"] == {"user_id": "someone"}


def test_a_version_is_sent_although_the_client_sends_none(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_with(sse_response(whole_message("Hi.")))) as provider:
        make_gateway(provider.url).message(messages_request())

    assert read_request(provider.requests[0])[0]["anthropic-version"] == "2023-06-01"


def test_a_read_timeout_that_is_no_number_is_passed_over(gateway: Gateway) -> None:
    assert gateway.message(messages_request(), headers={"x-stainless-timeout": "NOT_GIVEN"}).status == 200


class TestTheModelsLimits:
    def test_an_output_cap_above_the_models_is_lowered_with_the_thinking_below_it(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        request = messages_request(max_tokens=64_000, thinking={"type": "enabled", "budget_tokens": 63_999})

        answer = gateway.message(request)

        (call,) = provider.calls()
        assert answer.status == 200
        assert answer.headers["x-gateway-max-tokens"] == "32768"
        assert (call["body"]["max_tokens"], call["body"]["thinking"]["budget_tokens"]) == (32_768, 32_767)

    def test_thinking_that_nobody_asked_for_is_turned_off_where_a_tool_is_forced(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        answer = gateway.message(messages_request(model="qwen4-max", tools=[TOOL], tool_choice={"type": "any"}))

        assert answer.status == 200
        assert provider.calls()[0]["body"]["thinking"] == {"type": "disabled"}

    @pytest.mark.parametrize("kind", ["enabled", "adaptive"])
    def test_thinking_with_a_forced_tool_is_rejected_by_name(
        self, gateway: Gateway, provider: RunningMockQwen, kind: str
    ) -> None:
        request = messages_request(
            tools=[TOOL], tool_choice={"type": "tool", "name": "look_up"}, thinking={"type": kind}
        )

        answer = gateway.message(request)

        assert answer.error == (400, "invalid_request_error", "invalid_request")
        assert "tool_choice or thinking" in answer.body["error"]["message"]
        assert provider.calls() == []

    def test_the_default_of_a_route_turns_thinking_off(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        gateway.message(messages_request(model="qwen-max"))

        assert provider.calls()[0]["body"]["thinking"] == {"type": "disabled"}
        assert "enable_thinking" not in provider.calls()[0]["body"]

    def test_an_image_goes_to_a_model_that_sees(self, gateway: Gateway) -> None:
        image = {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
        more = [{"role": "user", "content": [result]}]

        answer = gateway.message(messages_request(model="claude-haiku-4-5", messages=more))

        assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwen3.7-plus")


@pytest.mark.parametrize(
    ("asked", "model"), [("claude-opus-5-5", "qwen4-max"), ("claude-haiku-4-5-20251001", "qwen-flash")]
)
def test_the_names_that_claude_code_asks_for_lead_to_qwen(gateway: Gateway, asked: str, model: str) -> None:
    answer = gateway.message(messages_request(model=asked))

    assert answer.headers["x-gateway-model"] == model
    assert gateway.record(answer)["model_asked"] == asked

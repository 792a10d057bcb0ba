"""What a key is charged for a message, and that counting its tokens costs nothing."""

from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import messages_request
from tests.builders.messages import TOOL
from tests.integration.chat.conftest import Gateway

DOLLAR = 10**12


def test_an_answer_that_thought_has_the_price_of_thinking(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 1_000, "completion_tokens": 100, "reasoning_tokens": 50})
    thought = gateway.message(messages_request(thinking={"type": "enabled", "budget_tokens": 50}))
    provider.control({"reasoning_tokens": 0})
    plain = gateway.message(messages_request(thinking={"type": "disabled"}))

    # qwen-plus in Singapore, dollars a million: input 0.4, output 1.2, or 4 if it thought.
    assert gateway.record(thought)["cost"] == 1_000 * 400_000 + 100 * 4_000_000
    assert gateway.record(plain)["cost"] == 1_000 * 400_000 + 100 * 1_200_000


class TestKeysWithABudget:
    def test_a_message_is_held_and_released_at_its_cost(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=DOLLAR)

        for answer in (
            gateway.message(messages_request(), key=key),
            gateway.stream_message(messages_request(), key=key),
        ):
            assert answer.status == 200
        assert gateway.key(key)["holds"] == {}
        assert gateway.key(key)["spent"] == sum(record["cost"] for record in gateway.records())

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"mcp_servers": [{"type": "url", "url": "https://example.com"}]},
        ],
    )
    def test_tools_of_the_provider_have_no_bound(self, gateway: Gateway, fields: dict[str, Any]) -> None:
        answer = gateway.message(messages_request(**fields), key=gateway.add_key(budget=DOLLAR))

        assert answer.error == (400, "invalid_request_error", "cost_unbounded")

    def test_what_claude_code_sends_has_a_bound(self, gateway: Gateway) -> None:
        request = messages_request(
            model="claude-opus-5-5",
            max_tokens=128_000,
            thinking={"type": "adaptive"},
            tools=[TOOL],
            system=[{"type": "text", "text": "x" * 50_000, "cache_control": {"type": "ephemeral"}}],
        )

        answer = gateway.message(request, key=gateway.add_key(budget=10 * DOLLAR))

        assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwen4-max")


class TestCountTokens:
    def test_it_only_authenticates(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=1, remaining=1, rpm=1)

        answers = [gateway.count_tokens(messages_request(), key=key) for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 200, 200]
        assert all(answer.body["input_tokens"] > 0 for answer in answers)
        assert gateway.records() == []
        assert gateway.key(key)["remaining"] == 1

    def test_it_needs_no_output_cap(self, gateway: Gateway) -> None:
        assert (
            gateway.count_tokens({"model": "claude-opus-5-5", "messages": messages_request()["messages"]}).status == 200
        )

    @pytest.mark.parametrize("settings", [{"disabled": True}, {"expires": 1}])
    def test_a_key_that_is_not_accepted_is_refused(
        self, gateway: Gateway, provider: RunningMockQwen, settings: dict[str, Any]
    ) -> None:
        answer = gateway.count_tokens(messages_request(), key=gateway.add_key(**settings))

        assert answer.error[:2] == (401, "authentication_error")
        assert provider.calls() == []

    def test_a_failure_has_anthropics_form(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        provider.control({"faults": [{"status": 529, "code": "overloaded_error"}]})

        assert gateway.count_tokens(messages_request()).error == (503, "overloaded_error", "provider_overloaded")


def test_a_client_that_leaves_is_charged_for_the_whole_answer(gateway: Gateway) -> None:
    stream = gateway.handle_message(messages_request(stream=True))
    next(stream.chunks)

    stream.chunks.close()

    (record,) = gateway.records()
    assert (record["endpoint"], record["state"]) == ("messages", "settled")
    assert record["attempts"][0]["charged"] == "presumed"

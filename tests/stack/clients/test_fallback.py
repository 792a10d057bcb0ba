"""Fallback with OpenAI's clients: one answer, or one error without client retries."""

from typing import Any

import httpx2
import pytest

from tests.builders import QWEN_MAX, chat_request
from tests.stack.clients.conftest import Received, Records
from tests.stack.clients.openai_clients import ClientError, OpenAiClient

CHAIN = list(QWEN_MAX)
QUOTA_ERRORS = [
    {"status": 403, "code": "AllocationQuota.FreeTierOnly"},
    {"status": 429, "code": "insufficient_quota", "message": "Free allocated quota exceeded."},
]


@pytest.mark.parametrize("quota", QUOTA_ERRORS, ids=lambda fault: fault["code"])
def test_an_exhausted_quota_of_qwen_max_falls_back_to_its_next_target(
    openai_client: OpenAiClient, provider: httpx2.Client, received: Received, quota: dict[str, Any]
) -> None:
    provider.put("/_control", json={"faults": [{**quota, "model": CHAIN[0], "times": 9}]})

    answer = openai_client.call("chat", **chat_request(model="qwen-max"))

    assert f"mock of {CHAIN[1]}" in answer.message["content"]
    assert [answer.headers[f"x-gateway-{name}"] for name in ("model", "attempts")] == [CHAIN[1], "2"]
    assert [body["model"] for body in received()] == CHAIN[:2]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_total_failure_costs_four_provider_calls(
    openai_client: OpenAiClient, provider: httpx2.Client, received: Received, records: Records, status: int
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"status": status, "times": 99}]})

    with pytest.raises(ClientError) as caught:
        openai_client.call("chat", **chat_request(model="qwen-max"))

    assert caught.value.headers["x-should-retry"] == "false"
    assert [body["model"] for body in received()] == [CHAIN[0], *CHAIN]
    assert len(records()) == before + 1

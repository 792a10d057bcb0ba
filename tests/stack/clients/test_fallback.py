"""What OpenAI's clients see of a route with several targets: one answer, or one failure that they do not repeat."""

from typing import Any

import httpx2
import pytest

from tests.builders import chat_request
from tests.stack.clients.conftest import Received, Records
from tests.stack.clients.official import Official, Refused

CHAIN = ["qwen3-max", "qwen-plus", "qwen-flash"]
SPENT = [
    {"status": 403, "code": "AllocationQuota.FreeTierOnly"},
    {"status": 429, "code": "insufficient_quota", "message": "Free allocated quota exceeded."},
]


@pytest.mark.parametrize("quota", SPENT, ids=lambda fault: fault["code"])
def test_a_quota_that_is_spent_on_qwen_max_is_answered_by_qwen_plus(
    official: Official, provider: httpx2.Client, received: Received, quota: dict[str, Any]
) -> None:
    provider.put("/_control", json={"faults": [{**quota, "model": "qwen3-max", "times": 9}]})

    answer = official.ask("chat", **chat_request(model="qwen-max"))

    assert "mock of qwen-plus" in answer.message["content"]
    assert [answer.headers[f"x-gateway-{name}"] for name in ("model", "attempts")] == ["qwen-plus", "2"]
    assert [body["model"] for body in received()] == CHAIN[:2]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_total_failure_costs_four_calls_of_the_provider(
    official: Official, provider: httpx2.Client, received: Received, records: Records, status: int
) -> None:
    before = len(records())
    provider.put("/_control", json={"faults": [{"status": status, "times": 99}]})

    with pytest.raises(Refused) as caught:
        official.ask("chat", **chat_request(model="qwen-max"))

    assert caught.value.headers["x-should-retry"] == "false"
    assert [body["model"] for body in received()] == [CHAIN[0], *CHAIN]
    assert len(records()) == before + 1

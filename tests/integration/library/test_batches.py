"""Batches over HTTP."""

import time
from concurrent.futures import CancelledError
from typing import Any

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.errors import ModelUnknown, ProviderRefused, RequestInvalid
from qwen_gateway.library import Answer
from qwen_gateway.library.batch import RateLimiter
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import QWEN_MAX, chat_request

TEN = [f"Prompt {number}." for number in range(10)]


def test_ten_prompts_are_answered_in_their_order(client: QwenClient, provider: RunningMockQwen) -> None:
    provider.control({"latency_ms": 50})

    results = list(client.batch(TEN, max_concurrency=5))

    assert all(isinstance(result, Answer) for result in results)
    contents = [str(getattr(result, "content", "")) for result in results]
    assert [prompt in content for prompt, content in zip(TEN, contents, strict=True)] == [True] * 10
    assert len(provider.calls()) == 10


def test_a_batch_falls_back_when_a_quota_is_spent(client: QwenClient, provider: RunningMockQwen) -> None:
    spent = {"status": 403, "code": "insufficient_quota", "message": "Free allocated quota exceeded."}
    provider.control({"faults": [{"model": QWEN_MAX[0], "times": 99, **spent}]})

    results = client.batch(TEN, "qwen-max", max_concurrency=5)

    assert {result.model for result in results if isinstance(result, Answer)} == {QWEN_MAX[1]}


def test_each_failure_is_at_the_position_of_its_prompt(client: QwenClient, provider: RunningMockQwen) -> None:
    prompts: list[Any] = ["Say hello.", [], chat_request(model="gpt-4"), chat_request(model="qwen-turbo"), 7]
    provider.control({"faults": [{"model": "qwen-flash", "status": 400, "code": "invalid_parameter_error"}]})

    results = client.batch(prompts)

    kinds = [Answer, RequestInvalid, ModelUnknown, ProviderRefused, RequestInvalid]
    assert [type(result) for result in results] == kinds


def test_parameters_apply_to_every_prompt(client: QwenClient, provider: RunningMockQwen) -> None:
    list(client.batch(TEN[:3], "qwen-turbo", temperature=0))

    assert [(call["model"], call["body"]["temperature"]) for call in provider.calls()] == [("qwen-flash", 0)] * 3


def test_requests_per_minute_spaces_the_calls(client: QwenClient, provider: RunningMockQwen) -> None:
    """A call may start late, but not before its slot."""
    before = time.time()
    assert len(list(client.batch(TEN[:4], requests_per_minute=1_200))) == 4

    last = max(call["time"] for call in provider.calls())
    assert last - before > 3 * 60 / 1_200


def test_retries_count_for_the_rate_and_rejected_prompts_do_not(
    client: QwenClient, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[int] = []
    monkeypatch.setattr(RateLimiter, "settle", lambda _, calls: settled.append(calls))
    provider.control({"faults": [{"model": "qwen-flash", "status": 503, "code": "ModelUnavailable"}]})

    list(client.batch([chat_request(), chat_request(model="qwen-turbo"), []], max_concurrency=1))

    assert settled == [1, 2, 0]


def test_closing_the_client_cancels_queued_prompts(client: QwenClient) -> None:
    batch = client.batch(TEN, max_concurrency=1, requests_per_minute=1)
    batch[0]
    client.close()

    with pytest.raises(CancelledError):
        batch[9]


@pytest.mark.parametrize("limits", [{"max_concurrency": 0}, {"max_concurrency": 51}, {"requests_per_minute": 0}])
def test_a_limit_out_of_range_is_rejected(client: QwenClient, limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        client.batch(TEN, **limits)


@pytest.mark.parametrize("prompts", ["Say hello.", chat_request()], ids=["text", "request"])
def test_a_single_prompt_is_rejected(client: QwenClient, prompts: Any) -> None:
    with pytest.raises(TypeError, match="chat"):
        client.batch(prompts)

"""Keys with limits: every refusal with its status and headers, and shadow mode, which tells but never refuses."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import Gateway

NOW = 1_790_000_082
"""42 seconds after a full minute."""
MINUTE = NOW // 60
DOLLAR = 10**12


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> Gateway:
    """A gateway whose admissions happen at `NOW`."""
    monkeypatch.setattr(gateway.calls.admissions, "_clock", lambda: NOW + 0.7)
    return gateway


REFUSALS: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "revoked": ({"budget": DOLLAR, "disabled": True}, 401, "revoked_api_key", None),
    "expired": ({"budget": DOLLAR, "expires": NOW}, 401, "expired_api_key", None),
    "model": ({"budget": DOLLAR, "models": ["qwen-max"]}, 403, "model_not_allowed", None),
    "budget": ({"budget": 1_000}, 402, "budget_exhausted", None),
    "budget of 0": ({"budget": 0}, 402, "budget_exhausted", None),
    "rpm": ({"budget": DOLLAR, "rpm": 2, "window": {f"r{MINUTE}": 2}}, 429, "request_limit_exceeded", "18"),
    "tpm": ({"budget": DOLLAR, "tpm": 9, "window": {f"t{MINUTE}": 9}}, 429, "token_limit_exceeded", "18"),
    "concurrency": ({"concurrency": 1, "holds": {"x.0": 0}}, 429, "concurrency_limit_exceeded", "1"),
    "hold map": (
        {"concurrency": 300, "on_limit": "warn", "holds": {f"x.{n}": 0 for n in range(300)}},
        429,
        "concurrency_limit_exceeded",
        "1",
    ),
    "counted: model": ({"rpm": 2, "models": ["qwen-max"]}, 403, "model_not_allowed", None),
    "counted: rpm": ({"rpm": 2, "window": {f"r{MINUTE}": 2}}, 429, "request_limit_exceeded", "18"),
    "counted: tpm": ({"tpm": 9, "window": {f"t{MINUTE}": 9}}, 429, "token_limit_exceeded", "18"),
    "read: model": ({"models": ["qwen-max"]}, 403, "model_not_allowed", None),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_call_writes_nothing_and_calls_no_provider(
    frozen: Gateway, provider: RunningMockQwen, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    settings, status, code, retry_after = REFUSALS[case]
    key = frozen.add_key(**settings)
    before = frozen.key(key)

    answer = frozen.chat(chat_request(), key=key)

    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == retry_after
    assert frozen.key(key) == before
    assert frozen.records() == []
    assert provider.calls() == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (refused,) = [line for line in lines if line.get("message") == "call refused"]
    assert (refused["key_id"], refused["reason"]) == (before["id"], code)
    metric = code if status != 401 else "request_refused"
    assert [line[metric] for line in lines if metric in line] == [1]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_of_a_known_key_costs_one_aws_call(
    frozen: Gateway, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    settings, status, *_ = REFUSALS[case]
    key = frozen.add_key(**settings)
    frozen.chat(chat_request(), key=key)
    operations = record_aws_calls(monkeypatch)

    assert frozen.chat(chat_request(), key=key).status == status

    assert operations in (["UpdateItem"], ["GetItem"])


def test_a_refusal_for_the_budget_says_what_is_left_what_it_buys_and_when_the_period_ends(frozen: Gateway) -> None:
    key = frozen.add_key(budget=2 * 10**9, period="day", period_end=1_790_035_200)

    answer = frozen.chat(chat_request(max_tokens=8_192), key=key)

    assert answer.headers["x-should-retry"] == "false"
    message = answer.body["error"]["message"]
    assert "budget of 0.002 USD, 0.002 USD are left" in message
    assert "The period ends at 2026-09-22T00:00:00Z." in message
    tokens = int(message.partition("buys ")[2].split()[0])
    assert 0 < tokens < 8_192
    assert frozen.chat(chat_request(max_tokens=tokens), key=key).status == 200
    assert frozen.chat(chat_request(max_tokens=tokens + 1), key=frozen.add_key(budget=2 * 10**9)).status == 402


def test_limits_a_minute_are_in_the_headers_of_a_key_that_has_them(frozen: Gateway) -> None:
    key = frozen.add_key(rpm=3, tpm=1_000, window={f"t{MINUTE}": 100})

    first, second = frozen.chat(chat_request(), key=key), frozen.chat(chat_request(), key=key)

    assert first.headers["x-ratelimit-limit-requests"] == "3"
    assert first.headers["x-ratelimit-remaining-requests"] == "2"
    assert second.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "18s"
    assert first.headers["x-ratelimit-limit-tokens"] == "1000"
    assert first.headers["x-ratelimit-remaining-tokens"] == "900"
    assert first.headers["x-ratelimit-reset-tokens"] == "18s"
    unlimited = frozen.chat(chat_request()).headers
    assert not [name for name in unlimited if name.startswith("x-ratelimit")]
    frozen.chat(chat_request(), key=key)
    refused = frozen.chat(chat_request(), key=key)
    assert (refused.status, refused.headers["x-ratelimit-remaining-requests"]) == (429, "0")


def test_an_ended_period_is_rolled_by_the_next_call(frozen: Gateway) -> None:
    key = frozen.add_key(budget=DOLLAR, period="month", period_end=NOW, remaining=0, spent=DOLLAR, total=5, alerted=100)

    answer = frozen.chat(chat_request(), key=key)

    assert answer.status == 200
    item = frozen.key(key)
    cost = frozen.record(answer)["cost"]
    assert (item["total"], item["spent"], item["remaining"]) == (DOLLAR + 5, cost, DOLLAR - cost)
    assert (item["period_end"], item["alerted"]) == (1_790_812_800, 0)  # 2026-10-01


SHADOW: dict[str, tuple[dict[str, Any], str]] = {
    "budget": ({"budget": 1}, "budget"),
    "requests": ({"rpm": 1, "window": {f"r{MINUTE}": 1}}, "requests"),
    "tokens": ({"tpm": 1, "window": {f"t{MINUTE}": 1}}, "tokens"),
    "concurrency": ({"concurrency": 1, "holds": {"x.0": 0}}, "concurrency"),
    "all": (
        {"budget": 1, "rpm": 1, "window": {f"r{MINUTE}": 1}, "concurrency": 1, "holds": {"x.0": 0}},
        "budget, requests, concurrency",
    ),
    "none": ({"budget": DOLLAR, "rpm": 9}, ""),
}


@pytest.mark.parametrize("case", SHADOW)
def test_shadow_mode_counts_and_tells_but_never_refuses(
    frozen: Gateway, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    settings, exceeded = SHADOW[case]
    key = frozen.add_key(on_limit="warn", **settings)

    answer = frozen.chat(chat_request(), key=key)

    assert answer.status == 200
    assert answer.headers.get("x-gateway-limits-exceeded", "") == exceeded
    assert ('"limits_exceeded": 1' in capsys.readouterr().out) == bool(exceeded)


def test_shadow_mode_calls_a_target_without_a_bound(gateway: Gateway) -> None:
    key = gateway.add_key(budget=DOLLAR, on_limit="warn")

    answer = gateway.chat(chat_request(enable_search=True), key=key)

    assert answer.status == 200
    assert gateway.key(key)["spent"] == gateway.record(answer).get("cost", 0)
    assert gateway.key(key)["holds"] == {}

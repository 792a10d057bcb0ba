"""Retries and fallback over real HTTP: the order of the calls, the waits, and which error is returned."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.failures.rows import ROWS, Row
from tests.integration.chat.conftest import LONG_TIMEOUTS, Gateway, MakeGateway

MODELS = ("qwen4-max", "qwen-plus", "qwen-flash")
ROUTES = {
    "ladder": [{"model": model} for model in MODELS],
    "pair": [{"model": model} for model in MODELS[:2]],
    "single": [{"model": MODELS[0]}],
    "both": [{"model": MODELS[0]}, {"model": MODELS[2], "provider": "holysheep"}],
}
THROTTLED = {"status": 429, "code": "limit_requests"}
REJECTED = {"status": 400, "code": "invalid_parameter_error", "message": "Range of n should be [1, 4]"}
MISSING = {"status": 404, "code": "model_not_found"}
OVERLOADED = {"status": 503, "code": "ModelUnavailable"}
CAUSES = [row for row in ROWS if row.variants[0].fault and row.calls_if_all_fail is not None]
MAX, PLUS, FLASH = MODELS


class FallbackEnvironment:
    """Gateways with the routes above, and the mock Qwen that both of their providers point to."""

    def __init__(self, make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
        self._make_gateway = make_gateway
        self.provider = provider

    def make_gateway(self, attempts: int = 4, **more: Any) -> Gateway:
        reseller = {"providers": {"holysheep": {"base_url": f"{self.provider.url}/v1"}}}
        return self._make_gateway(
            self.provider.url, attempts, {**reseller, "routes": ROUTES, "timeouts": LONG_TIMEOUTS, **more}
        )

    def set_faults(self, *faults: tuple[str, dict[str, Any]], times: int = 9) -> None:
        """Make models fail from now on. The first fault that matches a model applies."""
        self.provider.control({"faults": [{**fault, "model": model, "times": times} for model, fault in faults]})

    def called_models(self) -> list[str]:
        return [call["model"] for call in self.provider.calls()]


@pytest.fixture
def env(make_gateway: MakeGateway, provider: RunningMockQwen) -> FallbackEnvironment:
    return FallbackEnvironment(make_gateway, provider)


@pytest.mark.parametrize("first", CAUSES, ids=lambda row: row.cause)
def test_if_all_targets_fail_the_error_of_the_first_is_returned(env: FallbackEnvironment, first: Row) -> None:
    for second in CAUSES:
        env.provider.reset()
        env.set_faults((MAX, dict(first.variants[0].fault)), ("*", dict(second.variants[0].fault)))
        gateway = env.make_gateway(routes={"ladder": ROUTES["ladder"], "qwen4-max": ROUTES["ladder"]})

        answer = gateway.chat(chat_request(model=first.route), seconds=28)

        assert (answer.status, answer.body["error"]["code"]) == (first.status, first.code), second.cause
        assert answer.headers.get("retry-after", "") == first.retry_after
        attempts = gateway.record(answer)["attempts"]
        assert {attempt["cause"] for attempt in attempts if attempt["model"] == MAX} == {first.recorded_cause}
        assert len(env.called_models()) <= 4


def test_a_rejection_by_a_fallback_leads_to_the_next_target(env: FallbackEnvironment) -> None:
    env.set_faults((MAX, MISSING), (PLUS, REJECTED))

    answer = env.make_gateway().chat(chat_request(model="ladder"))

    assert (answer.status, env.called_models()) == (200, [MAX, PLUS, FLASH])


def test_a_target_in_cooldown_is_tried_last_and_its_error_is_still_returned(env: FallbackEnvironment) -> None:
    gateway = env.make_gateway()
    env.set_faults((MAX, THROTTLED))
    assert gateway.chat(chat_request(model="pair")).status == 200
    assert env.called_models() == [MAX, MAX, PLUS]

    env.set_faults((PLUS, REJECTED))
    rejected_by_second = gateway.chat(chat_request(model="pair"))
    assert (rejected_by_second.status, env.called_models()[3:]) == (200, [PLUS, MAX])

    env.set_faults((MAX, THROTTLED), (PLUS, OVERLOADED))
    gateway.chat(chat_request(model="pair"))
    both_failed = gateway.chat(chat_request(model="pair"))
    assert both_failed.error == (429, "rate_limit_error", "provider_throttled")


def test_without_cooldown_the_order_of_targets_is_kept(env: FallbackEnvironment) -> None:
    gateway = env.make_gateway(retries={"attempts": 4, "cooldown": 0})
    env.set_faults((MAX, OVERLOADED))

    for _ in range(2):
        assert gateway.chat(chat_request(model="pair")).status == 200

    assert env.called_models() == [MAX, MAX, PLUS] * 2


def test_a_provider_without_a_key_is_skipped_without_using_an_attempt(env: FallbackEnvironment) -> None:
    gateway = env.make_gateway(attempts=1)
    gateway.aws.store_provider_keys(holysheep="sk-test")

    answer = gateway.chat(chat_request(model="both"))

    assert (answer.status, env.called_models()) == (200, [FLASH])
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-attempts"]) == ("holysheep", "1")


def format_http_date(seconds_from_now: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds_from_now), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        ("0.2", [0, 0.5]),
        ("1.5", [0, 1.5]),
        ("7", [0, 7]),
        ("0", [0, 0.5]),
        ("-7", [0, 0.5]),
        ("soon", [0, 0.5]),
        ("nan", [0, 0.5]),
        ("inf", [0, 0.5]),
        ("3600", [0]),
        (format_http_date(-60), [0, 0.5]),
        (format_http_date(86_400), [0]),
    ],
    ids=["0.2", "1.5", "7", "0", "-7", "soon", "nan", "inf", "3600", "a minute ago", "tomorrow"],
)
def test_retry_after_of_the_only_target_is_honoured_if_it_fits_the_deadline(
    env: FallbackEnvironment, retry_after: str, waits: list[float]
) -> None:
    env.set_faults((MAX, {**THROTTLED, "headers": {"Retry-After": retry_after}}), times=1)
    gateway = env.make_gateway()

    answer = gateway.chat(chat_request(model="single"), seconds=28)

    assert gateway.waits == waits
    assert answer.status == (200 if len(waits) == 2 else 429)


def test_retry_after_may_be_a_date(env: FallbackEnvironment) -> None:
    env.set_faults((MAX, {**THROTTLED, "headers": {"Retry-After": format_http_date(9)}}), times=1)
    gateway = env.make_gateway()

    assert gateway.chat(chat_request(model="single"), seconds=28).status == 200
    assert 4 < gateway.waits[1] <= 9


@pytest.mark.parametrize(("retry_after", "models"), [("1.5", [MAX, MAX]), ("7", [MAX, PLUS]), ("3600", [MAX, PLUS])])
def test_with_another_target_left_only_a_short_retry_after_is_honoured(
    env: FallbackEnvironment, retry_after: str, models: list[str]
) -> None:
    env.set_faults((MAX, {**THROTTLED, "headers": {"Retry-After": retry_after}}), times=1)

    assert env.make_gateway().chat(chat_request(model="pair"), seconds=28).status == 200
    assert env.called_models() == models


def test_a_deadline_shorter_than_the_first_backoff_causes_an_immediate_fallback(env: FallbackEnvironment) -> None:
    env.set_faults((MAX, OVERLOADED))
    gateway = env.make_gateway()

    answer = gateway.chat(chat_request(model="pair"), seconds=0.7)

    assert (answer.status, gateway.waits, env.called_models()) == (200, [0, 0], [MAX, PLUS])


def test_the_deadline_ends_a_request_during_aggregation(env: FallbackEnvironment) -> None:
    env.provider.control({"chunks": 200, "chunk_gap_ms": 50})
    gateway = env.make_gateway()

    answer = gateway.chat(chat_request(model="ladder"), seconds=0.8)

    assert answer.error == (504, "timeout_error", "provider_timeout")
    assert "the time for the whole call was over" in answer.body["error"]["message"]
    (attempt,) = gateway.record(answer)["attempts"]
    assert (attempt["http_status"], attempt["charged"]) == (200, "presumed")
    assert attempt["latency_ms"] < 5000


def test_an_answer_after_the_deadline_does_not_reach_the_next_call(env: FallbackEnvironment) -> None:
    gateway = env.make_gateway()
    env.provider.control({"latency_ms": 600})
    late = gateway.chat(chat_request(model="ladder", messages=[{"role": "user", "content": "early"}]), seconds=0.4)
    env.provider.control({"latency_ms": 0})
    time.sleep(0.5)

    answer = gateway.chat(chat_request(model="ladder", messages=[{"role": "user", "content": "later"}]))

    assert late.status == 504
    assert "You said: later" in answer.body["choices"][0]["message"]["content"]
    assert [record["outcome"] for record in gateway.records()] == ["provider_timeout", "answered"]

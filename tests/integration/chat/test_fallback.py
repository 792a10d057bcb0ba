"""From one target to the next, over real HTTP: who is asked, how long is waited, and whose failure is told."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_request
from tests.failures.rows import ROWS, Row
from tests.integration.chat.conftest import PATIENT, Gateway, MakeGateway

LADDER = ("qwen3-max", "qwen-plus", "qwen-flash")
ROUTES = {
    "ladder": [{"model": model} for model in LADDER],
    "pair": [{"model": model} for model in LADDER[:2]],
    "single": [{"model": LADDER[0]}],
    "both": [{"model": LADDER[0]}, {"model": LADDER[2], "provider": "holysheep"}],
}
THROTTLED = {"status": 429, "code": "limit_requests"}
REFUSED = {"status": 400, "code": "invalid_parameter_error", "message": "Range of n should be [1, 4]"}
MISSING = {"status": 404, "code": "model_not_found"}
OVERLOADED = {"status": 503, "code": "ModelUnavailable"}
PLAYABLE = [row for row in ROWS if row.ways[0].fault and row.by_all is not None]
MAX, PLUS, FLASH = LADDER


class Ladder:
    """A gateway with the routes above, in front of the stand-in."""

    def __init__(self, make_gateway: MakeGateway, provider: RunningProvider) -> None:
        self._make = make_gateway
        self.provider = provider

    def gateway(self, attempts: int = 4, **more: Any) -> Gateway:
        reseller = {"providers": {"holysheep": {"base_url": f"{self.provider.url}/v1"}}}
        return self._make(self.provider.url, attempts, {**reseller, "routes": ROUTES, "timeouts": PATIENT, **more})

    def fails(self, *faults: tuple[str, dict[str, Any]], times: int = 9) -> None:
        """Let models fail from now on; the first fault that names a model is its fault."""
        self.provider.control({"faults": [{**fault, "model": model, "times": times} for model, fault in faults]})

    def asked(self) -> list[str]:
        return [call["model"] for call in self.provider.calls()]


@pytest.fixture
def ladder(make_gateway: MakeGateway, provider: RunningProvider) -> Ladder:
    return Ladder(make_gateway, provider)


@pytest.mark.parametrize("first", PLAYABLE, ids=lambda row: row.cause)
def test_of_two_causes_the_first_targets_is_told(ladder: Ladder, first: Row) -> None:
    for second in PLAYABLE:
        ladder.provider.reset()
        ladder.fails((MAX, dict(first.ways[0].fault)), ("*", dict(second.ways[0].fault)))
        gateway = ladder.gateway(routes={"ladder": ROUTES["ladder"], "qwen3-max": ROUTES["ladder"]})

        answer = gateway.chat(chat_request(model=first.route), seconds=28)

        assert (answer.status, answer.body["error"]["code"]) == (first.status, first.code), second.cause
        assert answer.headers.get("retry-after", "") == first.retry_after
        attempts = gateway.record(answer)["attempts"]
        assert {attempt["cause"] for attempt in attempts if attempt["model"] == MAX} == {first.recorded}
        assert len(ladder.asked()) <= 4


def test_a_refusal_by_a_fallback_is_skipped(ladder: Ladder) -> None:
    ladder.fails((MAX, MISSING), (PLUS, REFUSED))

    answer = ladder.gateway().chat(chat_request(model="ladder"))

    assert (answer.status, ladder.asked()) == (200, [MAX, PLUS, FLASH])


def test_a_target_in_trouble_is_asked_last_by_the_next_request_and_its_word_still_counts(ladder: Ladder) -> None:
    gateway = ladder.gateway()
    ladder.fails((MAX, THROTTLED))
    assert gateway.chat(chat_request(model="pair")).status == 200
    assert ladder.asked() == [MAX, MAX, PLUS]

    ladder.fails((PLUS, REFUSED))
    refused_by_the_second = gateway.chat(chat_request(model="pair"))
    assert (refused_by_the_second.status, ladder.asked()[3:]) == (200, [PLUS, MAX])

    ladder.fails((MAX, THROTTLED), (PLUS, OVERLOADED))
    gateway.chat(chat_request(model="pair"))
    both_failed = gateway.chat(chat_request(model="pair"))
    assert both_failed.error == (429, "rate_limit_error", "provider_throttled")


def test_without_a_cool_down_the_order_stays(ladder: Ladder) -> None:
    gateway = ladder.gateway(retries={"attempts": 4, "cooldown": 0})
    ladder.fails((MAX, OVERLOADED))

    for _ in range(2):
        assert gateway.chat(chat_request(model="pair")).status == 200

    assert ladder.asked() == [MAX, MAX, PLUS] * 2


def test_a_provider_without_a_key_is_passed_over_at_no_cost(ladder: Ladder) -> None:
    gateway = ladder.gateway(attempts=1)
    gateway.aws.store_provider_keys(holysheep="sk-test")

    answer = gateway.chat(chat_request(model="both"))

    assert (answer.status, ladder.asked()) == (200, [FLASH])
    assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-attempts"]) == ("holysheep", "1")


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "waits"),
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
        (in_seconds(-60), [0, 0.5]),
        (in_seconds(86_400), [0]),
    ],
    ids=["0.2", "1.5", "7", "0", "-7", "soon", "nan", "inf", "3600", "a minute ago", "tomorrow"],
)
def test_a_wait_that_the_only_target_asks_for_is_kept_when_it_fits(
    ladder: Ladder, asked: str, waits: list[float]
) -> None:
    ladder.fails((MAX, {**THROTTLED, "headers": {"Retry-After": asked}}), times=1)
    gateway = ladder.gateway()

    answer = gateway.chat(chat_request(model="single"), seconds=28)

    assert gateway.waits == waits
    assert answer.status == (200 if len(waits) == 2 else 429)


def test_a_date_is_a_wait_too(ladder: Ladder) -> None:
    ladder.fails((MAX, {**THROTTLED, "headers": {"Retry-After": in_seconds(9)}}), times=1)
    gateway = ladder.gateway()

    assert gateway.chat(chat_request(model="single"), seconds=28).status == 200
    assert 4 < gateway.waits[1] <= 9


@pytest.mark.parametrize(("asked", "models"), [("1.5", [MAX, MAX]), ("7", [MAX, PLUS]), ("3600", [MAX, PLUS])])
def test_only_a_short_wait_is_waited_while_another_target_is_left(
    ladder: Ladder, asked: str, models: list[str]
) -> None:
    ladder.fails((MAX, {**THROTTLED, "headers": {"Retry-After": asked}}), times=1)

    assert ladder.gateway().chat(chat_request(model="pair"), seconds=28).status == 200
    assert ladder.asked() == models


def test_a_deadline_shorter_than_the_first_backoff_sends_to_the_next_target_at_once(ladder: Ladder) -> None:
    ladder.fails((MAX, OVERLOADED))
    gateway = ladder.gateway()

    answer = gateway.chat(chat_request(model="pair"), seconds=0.7)

    assert (answer.status, gateway.waits, ladder.asked()) == (200, [0, 0], [MAX, PLUS])


def test_a_deadline_in_mid_aggregate_ends_the_request(ladder: Ladder) -> None:
    ladder.provider.control({"chunks": 200, "chunk_gap_ms": 50})
    gateway = ladder.gateway()

    answer = gateway.chat(chat_request(model="ladder"), seconds=0.8)

    assert answer.error == (504, "timeout_error", "provider_timeout")
    assert "the time for the whole call was over" in answer.body["error"]["message"]
    (attempt,) = gateway.record(answer)["attempts"]
    assert (attempt["http_status"], attempt["charged"]) == (200, "presumed")
    assert attempt["latency_ms"] < 5000


def test_an_answer_that_comes_after_the_deadline_is_nobodys(ladder: Ladder) -> None:
    gateway = ladder.gateway()
    ladder.provider.control({"latency_ms": 600})
    late = gateway.chat(chat_request(model="ladder", messages=[{"role": "user", "content": "early"}]), seconds=0.4)
    ladder.provider.control({"latency_ms": 0})
    time.sleep(0.5)

    answer = gateway.chat(chat_request(model="ladder", messages=[{"role": "user", "content": "later"}]))

    assert late.status == 504
    assert "You said: later" in answer.body["choices"][0]["message"]["content"]
    assert [record["outcome"] for record in gateway.records()] == ["provider_timeout", "answered"]

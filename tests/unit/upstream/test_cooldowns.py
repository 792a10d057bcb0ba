"""Cooldowns: targets that failed recently are tried last, and never left out."""

import pytest

from qwen_gateway.errors import (
    ProviderError,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
)
from qwen_gateway.routing import Target
from qwen_gateway.upstream.retry import Cooldowns
from tests.unit.upstream.fakes import FakeClock

MAX, PLUS, TURBO = (Target("dashscope", name) for name in ("qwen4-max", "qwen-plus", "qwen-flash"))
ROUTE = (MAX, PLUS, TURBO)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def cooldowns(clock: FakeClock) -> Cooldowns:
    return Cooldowns(10, clock)


@pytest.mark.parametrize("error", [ProviderThrottled, ProviderOverloaded, ProviderTimeout])
def test_a_failed_target_is_tried_last_during_its_cooldown(
    cooldowns: Cooldowns, clock: FakeClock, error: type[ProviderError]
) -> None:
    cooldowns.record_failure(MAX, error("message"))
    assert cooldowns.order(ROUTE) == [PLUS, TURBO, MAX]

    clock.now += 10
    assert cooldowns.order(ROUTE) == [MAX, PLUS, TURBO]


@pytest.mark.parametrize("error", [ProviderRefused, ProviderModelMissing, ProviderKeyRefused, ProviderOutOfCredit])
def test_failures_of_the_request_or_the_account_start_no_cooldown(
    cooldowns: Cooldowns, error: type[ProviderError]
) -> None:
    cooldowns.record_failure(MAX, error("message"))

    assert cooldowns.order(ROUTE) == [MAX, PLUS, TURBO]


def test_the_cooldown_follows_retry_after_up_to_a_minute(cooldowns: Cooldowns, clock: FakeClock) -> None:
    cooldowns.record_failure(MAX, ProviderThrottled("message", retry_after=30))
    cooldowns.record_failure(PLUS, ProviderThrottled("message", retry_after=3600))
    clock.now += 29
    assert cooldowns.order(ROUTE) == [TURBO, MAX, PLUS]

    clock.now += 31
    assert cooldowns.order(ROUTE) == [MAX, PLUS, TURBO]


def test_a_success_ends_the_cooldown(cooldowns: Cooldowns) -> None:
    cooldowns.record_failure(MAX, ProviderTimeout("message"))
    cooldowns.record_success(MAX)

    assert cooldowns.order(ROUTE) == [MAX, PLUS, TURBO]


def test_the_order_stays_if_all_targets_are_cooling_down(cooldowns: Cooldowns) -> None:
    for target in ROUTE:
        cooldowns.record_failure(target, ProviderTimeout("message"))

    assert cooldowns.order(ROUTE) == [MAX, PLUS, TURBO]

"""Targets that failed a moment ago are tried last, and never left out."""

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
from qwen_gateway.upstream.cooldown import Cooldowns

MAX, PLUS, TURBO = (Target("dashscope", name) for name in ("qwen3-max", "qwen-plus", "qwen-flash"))
ROUTE = (MAX, PLUS, TURBO)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cooling(clock: Clock) -> Cooldowns:
    return Cooldowns(10, clock)


@pytest.mark.parametrize("error", [ProviderThrottled, ProviderOverloaded, ProviderTimeout])
def test_a_target_in_trouble_goes_last_for_a_while(
    cooling: Cooldowns, clock: Clock, error: type[ProviderError]
) -> None:
    cooling.record_failure(MAX, error("words"))
    assert cooling.order(ROUTE) == [PLUS, TURBO, MAX]

    clock.now += 10
    assert cooling.order(ROUTE) == [MAX, PLUS, TURBO]


@pytest.mark.parametrize("error", [ProviderRefused, ProviderModelMissing, ProviderKeyRefused, ProviderOutOfCredit])
def test_what_says_nothing_of_a_targets_state_changes_nothing(cooling: Cooldowns, error: type[ProviderError]) -> None:
    cooling.record_failure(MAX, error("words"))

    assert cooling.order(ROUTE) == [MAX, PLUS, TURBO]


def test_it_cools_for_as_long_as_the_provider_asks_at_most_a_minute(cooling: Cooldowns, clock: Clock) -> None:
    cooling.record_failure(MAX, ProviderThrottled("words", retry_after=30))
    cooling.record_failure(PLUS, ProviderThrottled("words", retry_after=3600))
    clock.now += 29
    assert cooling.order(ROUTE) == [TURBO, MAX, PLUS]

    clock.now += 31
    assert cooling.order(ROUTE) == [MAX, PLUS, TURBO]


def test_an_answer_ends_it(cooling: Cooldowns) -> None:
    cooling.record_failure(MAX, ProviderTimeout("words"))
    cooling.record_success(MAX)

    assert cooling.order(ROUTE) == [MAX, PLUS, TURBO]


def test_when_all_are_in_trouble_their_order_stays(cooling: Cooldowns) -> None:
    for target in ROUTE:
        cooling.record_failure(target, ProviderTimeout("words"))

    assert cooling.order(ROUTE) == [MAX, PLUS, TURBO]

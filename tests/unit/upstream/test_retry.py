"""Which attempt follows a failed one, by its cause, within one budget and one deadline."""

import pytest

from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderConnectTimeout,
    ProviderDisconnected,
    ProviderError,
    ProviderFault,
    ProviderIdleDisconnected,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.provider_failures import PROVIDER_FAILURES, Fallback
from qwen_gateway.routing import Target
from qwen_gateway.upstream.retry import AttemptPlan

MAX, PLUS, TURBO = (Target("dashscope", name) for name in ("qwen4-max", "qwen-plus", "qwen-flash"))
RESELLER = Target("holysheep", "qwen2.5-max")
HALF = 0.5


def plan(*targets: Target, attempts: int = 4, remaining: float = 28, order: tuple[Target, ...] = ()) -> AttemptPlan:
    """Return a plan whose first attempt was made; each backoff is half of its bound."""
    started = AttemptPlan(targets, order or targets, attempts, lambda: remaining, lambda: HALF)
    started.first()
    return started


def attempts_after(started: AttemptPlan, *errors: type[ProviderError]) -> list[tuple[str, float] | None]:
    """Return the model and the wait of the attempt that follows each of these errors."""
    following = [started.after(error("message")) for error in errors]
    return [(attempt.target.model, attempt.wait) if attempt else None for attempt in following]


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (ProviderThrottled, ("qwen4-max", 0.25)),
        (ProviderOverloaded, ("qwen4-max", 0.25)),
        (ProviderFault, ("qwen4-max", 0.25)),
        (ProviderAnswerBroken, ("qwen4-max", 0.25)),
        (ProviderDisconnected, ("qwen4-max", 0.25)),
        (ProviderIdleDisconnected, ("qwen4-max", 0)),
        (ProviderUnreachable, ("qwen4-max", 0)),
    ],
)
def test_a_temporary_failure_is_retried_once_before_the_fallback(
    error: type[ProviderError], retry: tuple[str, float]
) -> None:
    assert attempts_after(plan(MAX, PLUS), error, error) == [retry, ("qwen-plus", 0)]


@pytest.mark.parametrize(
    "error", [ProviderBurstThrottled, ProviderTimeout, ProviderConnectTimeout, ProviderModelMissing]
)
def test_a_lasting_failure_falls_back_immediately(error: type[ProviderError]) -> None:
    assert attempts_after(plan(MAX, PLUS), error) == [("qwen-plus", 0)]


@pytest.mark.parametrize(
    "error",
    [ProviderTimeout, ProviderConnectTimeout, ProviderModelMissing, ProviderOutOfCredit, ProviderKeyRefused],
)
def test_the_last_target_is_not_retried_after_a_lasting_failure(error: type[ProviderError]) -> None:
    assert attempts_after(plan(MAX), error) == [None]


@pytest.mark.parametrize("error", [ProviderOutOfCredit, ProviderKeyRefused])
def test_missing_credit_and_a_rejected_key_fall_back_to_another_provider(error: type[ProviderError]) -> None:
    assert attempts_after(plan(MAX, PLUS, RESELLER), error) == [("qwen2.5-max", 0)]


def test_a_replaced_key_is_tried_once() -> None:
    started = plan(MAX, PLUS)

    following = started.after(ProviderKeyRefused("message"), has_new_key=True)
    assert following == (MAX, 0)
    assert started.after(ProviderKeyRefused("message"), has_new_key=True) is None


def test_a_new_key_allows_the_other_targets_of_its_provider_also_without_a_retry() -> None:
    started = plan(MAX, PLUS, attempts=2)

    assert started.after(ProviderKeyRefused("message"), has_new_key=True) == (PLUS, 0)


def test_a_rejection_by_the_first_target_is_final_and_one_by_another_target_is_not() -> None:
    assert attempts_after(plan(MAX, PLUS), ProviderRefused) == [None]
    assert attempts_after(plan(MAX, PLUS, TURBO), ProviderModelMissing, ProviderRefused) == [
        ("qwen-plus", 0),
        ("qwen-flash", 0),
    ]


def test_a_rejection_by_a_target_that_is_tried_first_during_a_cooldown_is_not_final() -> None:
    assert attempts_after(plan(MAX, PLUS, order=(PLUS, MAX)), ProviderRefused) == [("qwen4-max", 0)]


def test_the_last_target_is_retried_with_backoff_while_it_throttles() -> None:
    assert attempts_after(plan(MAX), *[ProviderThrottled] * 4) == [
        ("qwen4-max", 0.25),
        ("qwen4-max", 0.5),
        ("qwen4-max", 1.0),
        None,
    ]


def test_the_last_target_is_retried_after_a_pause_for_a_burst() -> None:
    assert attempts_after(plan(MAX), ProviderBurstThrottled) == [("qwen4-max", 5.25)]


def test_an_attempt_is_reserved_for_each_target_that_was_not_tried() -> None:
    assert attempts_after(plan(MAX, PLUS, TURBO), *[ProviderFault] * 4) == [
        ("qwen4-max", 0.25),
        ("qwen-plus", 0),
        ("qwen-flash", 0),
        None,
    ]


@pytest.mark.parametrize("error", [ProviderThrottled, ProviderFault, ProviderBurstThrottled, ProviderKeyRefused])
def test_retry_after_is_honoured(error: type[ProviderError]) -> None:
    following = plan(MAX).after(error("message", retry_after=7), has_new_key=True)

    assert following == (MAX, 7)


def test_a_fallback_replaces_a_long_wait() -> None:
    following = plan(MAX, PLUS).after(ProviderThrottled("message", retry_after=7))

    assert following == (PLUS, 0)


def test_a_wait_beyond_the_deadline_ends_the_request() -> None:
    assert plan(MAX, remaining=7).after(ProviderThrottled("message", retry_after=7)) is None


def test_without_remaining_time_no_attempt_follows() -> None:
    assert attempts_after(plan(MAX, PLUS, remaining=0.2), ProviderTimeout) == [None]


def test_a_skipped_target_costs_no_attempt() -> None:
    started = plan(MAX, RESELLER, attempts=1)

    assert started.skip(Fallback.OTHER_PROVIDER) == (RESELLER, 0)
    assert started.after(ProviderFault("message")) is None


def test_every_error_has_a_rule() -> None:
    def leaves(kind: type[ProviderError]) -> set[type[ProviderError]]:
        return {kind}.union(*(leaves(each) for each in kind.__subclasses__()))

    assert {failure.error for failure in PROVIDER_FAILURES} >= leaves(ProviderError) - {ProviderError}

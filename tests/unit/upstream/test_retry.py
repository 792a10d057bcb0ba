"""What follows a failed attempt: the table of causes, one budget, one deadline."""

from collections.abc import Iterator

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

MAX, PLUS, TURBO = (Target("dashscope", name) for name in ("qwen3-max", "qwen-plus", "qwen-flash"))
RESELLER = Target("holysheep", "qwen2.5-max")
HALF = 0.5


class Time:
    """Seconds until the deadline; they go by only when told."""

    def __init__(self, left: float) -> None:
        self.left = left

    def __call__(self) -> float:
        return self.left


def course(*targets: Target, attempts: int = 4, left: float = 28, order: tuple[Target, ...] = ()) -> AttemptPlan:
    """Return a course that has made its first attempt; each jitter is half of its bound."""
    begun = AttemptPlan(targets, order or targets, attempts, Time(left), lambda: HALF)
    begun.first()
    return begun


def steps(running: AttemptPlan, *errors: type[ProviderError]) -> Iterator[tuple[str, float] | None]:
    for error in errors:
        step = running.after(error("words"))
        yield (step.target.model, step.wait) if step else None


def walk(running: AttemptPlan, *errors: type[ProviderError]) -> list[tuple[str, float] | None]:
    """Return what follows each of these failures."""
    return list(steps(running, *errors))


@pytest.mark.parametrize(
    ("error", "same"),
    [
        (ProviderThrottled, ("qwen3-max", 0.25)),
        (ProviderOverloaded, ("qwen3-max", 0.25)),
        (ProviderFault, ("qwen3-max", 0.25)),
        (ProviderAnswerBroken, ("qwen3-max", 0.25)),
        (ProviderDisconnected, ("qwen3-max", 0.25)),
        (ProviderIdleDisconnected, ("qwen3-max", 0)),
        (ProviderUnreachable, ("qwen3-max", 0)),
    ],
)
def test_what_may_pass_is_repeated_once_then_the_next_target_is_asked(
    error: type[ProviderError], same: tuple[str, float]
) -> None:
    assert walk(course(MAX, PLUS), error, error) == [same, ("qwen-plus", 0)]


@pytest.mark.parametrize(
    "error", [ProviderBurstThrottled, ProviderTimeout, ProviderConnectTimeout, ProviderModelMissing]
)
def test_what_will_not_pass_sends_to_the_next_target_at_once(error: type[ProviderError]) -> None:
    assert walk(course(MAX, PLUS), error) == [("qwen-plus", 0)]


@pytest.mark.parametrize(
    "error",
    [ProviderTimeout, ProviderConnectTimeout, ProviderModelMissing, ProviderOutOfCredit, ProviderKeyRefused],
)
def test_the_last_target_is_not_asked_again_after_it(error: type[ProviderError]) -> None:
    assert walk(course(MAX), error) == [None]


@pytest.mark.parametrize("error", [ProviderOutOfCredit, ProviderKeyRefused])
def test_money_and_keys_are_a_matter_of_the_provider(error: type[ProviderError]) -> None:
    assert walk(course(MAX, PLUS, RESELLER), error) == [("qwen2.5-max", 0)]


def test_a_key_that_was_replaced_is_tried_once() -> None:
    running = course(MAX, PLUS)

    step = running.after(ProviderKeyRefused("words"), has_new_key=True)
    assert step == (MAX, 0)
    assert running.after(ProviderKeyRefused("words"), has_new_key=True) is None


def test_a_new_key_opens_all_that_its_provider_serves_though_no_attempt_is_left_to_repeat_with_it() -> None:
    running = course(MAX, PLUS, attempts=2)

    assert running.after(ProviderKeyRefused("words"), has_new_key=True) == (PLUS, 0)


def test_a_refusal_by_the_first_target_is_final_and_by_another_it_is_skipped() -> None:
    assert walk(course(MAX, PLUS), ProviderRefused) == [None]
    assert walk(course(MAX, PLUS, TURBO), ProviderModelMissing, ProviderRefused) == [
        ("qwen-plus", 0),
        ("qwen-flash", 0),
    ]


def test_a_refusal_by_a_target_that_is_only_tried_first_is_skipped() -> None:
    assert walk(course(MAX, PLUS, order=(PLUS, MAX)), ProviderRefused) == [("qwen3-max", 0)]


def test_throttling_goes_on_being_waited_for_when_nothing_else_is_left() -> None:
    assert walk(course(MAX), *[ProviderThrottled] * 4) == [
        ("qwen3-max", 0.25),
        ("qwen3-max", 0.5),
        ("qwen3-max", 1.0),
        None,
    ]


def test_a_burst_is_waited_for_only_when_nothing_else_is_left() -> None:
    assert walk(course(MAX), ProviderBurstThrottled) == [("qwen3-max", 5.25)]


def test_each_target_that_was_not_asked_has_an_attempt_kept_for_it() -> None:
    assert walk(course(MAX, PLUS, TURBO), *[ProviderFault] * 4) == [
        ("qwen3-max", 0.25),
        ("qwen-plus", 0),
        ("qwen-flash", 0),
        None,
    ]


@pytest.mark.parametrize("error", [ProviderThrottled, ProviderFault, ProviderBurstThrottled, ProviderKeyRefused])
def test_a_wait_that_the_provider_asks_for_is_kept(error: type[ProviderError]) -> None:
    step = course(MAX).after(error("words", retry_after=7), has_new_key=True)

    assert step == (MAX, 7)


def test_a_long_wait_sends_to_the_next_target_instead() -> None:
    step = course(MAX, PLUS).after(ProviderThrottled("words", retry_after=7))

    assert step == (PLUS, 0)


def test_a_wait_beyond_the_deadline_is_none() -> None:
    assert course(MAX, left=7).after(ProviderThrottled("words", retry_after=7)) is None


def test_without_time_nothing_follows() -> None:
    assert walk(course(MAX, PLUS, left=0.2), ProviderTimeout) == [None]


def test_a_target_that_could_not_be_called_costs_no_attempt() -> None:
    running = course(MAX, RESELLER, attempts=1)

    assert running.skip(Fallback.OTHER_PROVIDER) == (RESELLER, 0)
    assert running.after(ProviderFault("words")) is None


def test_every_cause_has_its_row() -> None:
    def leaves(kind: type[ProviderError]) -> set[type[ProviderError]]:
        return {kind}.union(*(leaves(each) for each in kind.__subclasses__()))

    assert {failure.error for failure in PROVIDER_FAILURES} >= leaves(ProviderError) - {ProviderError}

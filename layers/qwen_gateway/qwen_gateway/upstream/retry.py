"""The order of attempts: which one follows a failure, and which targets are tried last after failures.

One budget of attempts covers retries, key reloads and fallback. `provider_failures` holds the rule of each cause.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from qwen_gateway.errors import ProviderError
from qwen_gateway.provider_failures import Fallback, Retry, failure_of
from qwen_gateway.routing import Target

_FIRST_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 60.0
_BURST_PAUSE_S = 5.0
_MAX_WAIT_BEFORE_FALLBACK_S = 2.0
"""If a target has to be waited for longer than this, the next one is tried first."""
_MIN_ATTEMPT_S = 0.25
"""The time that has to be left for an attempt to be worth starting."""
_MAX_COOLDOWN_S = 60.0


class NextAttempt(NamedTuple):
    """The target of the next attempt, and the seconds to wait before it."""

    target: Target
    wait: float


class AttemptPlan:
    """The attempts of one request over its targets.

    Args:
        targets: in the order of the route; a rejection by the first one is final.
        order: the same targets in the order in which to try them.
        attempts: the maximum number of provider calls.
        remaining: returns the seconds until the deadline.
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        order: Sequence[Target],
        attempts: int,
        remaining: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._first = targets[0]
        self._queue = list(order)
        self._attempts = attempts
        self._remaining = remaining
        self._jitter = jitter
        self._backoffs = 0
        self._is_repeated = False
        self._reloaded: set[str] = set()

    def first(self) -> NextAttempt:
        """Return the attempt at the first target of the order."""
        self._attempts -= 1
        return NextAttempt(self._queue[0], 0.0)

    def after(self, error: ProviderError, *, has_new_key: bool = False) -> NextAttempt | None:
        """Return the attempt that follows a failed one, or None if the request has failed.

        `has_new_key`: the secret now has another key than the rejected one.
        """
        rule, provider = failure_of(type(error)).rule, self._queue[0].provider
        fallback = rule.fallback
        if has_new_key := has_new_key and provider not in self._reloaded:
            # The new key serves every target of the provider, also when the budget does not allow to retry this one.
            self._reloaded.add(provider)
            fallback = Fallback.NEXT
        following = self._retry(rule.retry, error, has_new_key=has_new_key) or self._fall_back(fallback)
        if following:
            self._attempts -= 1
        return following

    def skip(self, fallback: Fallback) -> NextAttempt | None:
        """Return the attempt that replaces one that did not call the provider; it does not count."""
        self._attempts += 1
        following = self._fall_back(fallback)
        if following:
            self._attempts -= 1
        return following

    def _retry(self, retry: Retry, error: ProviderError, *, has_new_key: bool) -> NextAttempt | None:
        others = len(self._queue) - 1
        # One attempt is reserved for each target that was not tried yet.
        if self._attempts <= others:
            return None
        wait = self._wait(retry, is_last_target=not others, has_new_key=has_new_key)
        if wait is None:
            return None
        wait = max(wait, error.retry_after or 0.0)
        if not self._fits(wait) or (others and wait > _MAX_WAIT_BEFORE_FALLBACK_S):
            return None
        self._is_repeated = True
        return NextAttempt(self._queue[0], wait)

    def _wait(self, retry: Retry, *, is_last_target: bool, has_new_key: bool) -> float | None:
        """Return the seconds before the same target may be retried; None if it may not."""
        match retry:
            case Retry.IMMEDIATELY if not self._is_repeated:
                return 0.0
            case Retry.WITH_NEW_KEY if has_new_key:
                return 0.0
            case Retry.AFTER_BACKOFF if not self._is_repeated:
                return self._backoff()
            case Retry.WITH_BACKOFF if is_last_target or not self._is_repeated:
                return self._backoff()
            case Retry.AFTER_PAUSE if is_last_target:
                return _BURST_PAUSE_S + self._backoff()
        return None

    def _fall_back(self, fallback: Fallback) -> NextAttempt | None:
        target = self._queue.pop(0)
        self._is_repeated = False
        if fallback is Fallback.OTHER_PROVIDER:
            self._queue = [other for other in self._queue if other.provider != target.provider]
        is_final = fallback is Fallback.FINAL and target == self._first
        if is_final or not self._queue or self._attempts <= 0 or not self._fits(0.0):
            return None
        return NextAttempt(self._queue[0], 0.0)

    def _backoff(self) -> float:
        """Return a full-jitter backoff in seconds: up to a bound that doubles each time."""
        bound = min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2.0**self._backoffs)
        self._backoffs += 1
        return self._jitter() * bound

    def _fits(self, wait: float) -> bool:
        return wait + _MIN_ATTEMPT_S <= self._remaining()


class Cooldowns:
    """The targets that failed a moment ago in this execution environment; thread-safe. They are tried last for a while.

    Args:
        seconds: the cooldown of a target whose Retry-After does not ask for a longer one.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Target, float] = {}

    def order(self, targets: Sequence[Target]) -> list[Target]:
        """Return the targets in their order, with those that are cooling down last."""
        now = self._clock()
        with self._lock:
            cooling = {target for target in targets if self._until.get(target, now) > now}
        return sorted(targets, key=lambda target: target in cooling)

    def record_failure(self, target: Target, error: ProviderError) -> None:
        """Start a cooldown, if the failure is one of the target and not of the request."""
        if failure_of(type(error)).rule.cooldown:
            seconds = min(max(self._seconds, error.retry_after or 0.0), _MAX_COOLDOWN_S)
            with self._lock:
                self._until[target] = self._clock() + seconds

    def record_success(self, target: Target) -> None:
        """End the target's cooldown."""
        with self._lock:
            self._until.pop(target, None)

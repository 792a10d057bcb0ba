"""Targets that failed a moment ago are tried last for a while, in this execution environment; none is left out."""

import threading
from collections.abc import Callable, Sequence

from qwen_gateway.errors import ProviderError
from qwen_gateway.provider_failures import failure_of
from qwen_gateway.routing import Target

_MAX_COOLDOWN_S = 60.0


class Cooldowns:
    """The targets that are cooling down; thread-safe.

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

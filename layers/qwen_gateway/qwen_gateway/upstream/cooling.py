"""Targets that failed a moment ago are tried last, in this environment and for a while; none is left out."""

import threading
from collections.abc import Callable, Sequence

from qwen_gateway.errors import ProviderError
from qwen_gateway.routes import Target
from qwen_gateway.upstream.policy import reaction_to

_LONGEST = 60.0


class Cooling:
    """Which targets are cooling down; safe to share between threads.

    `seconds` is how long a target cools that did not ask for longer by Retry-After, `clock` a monotonic one.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Target, float] = {}

    def order(self, targets: Sequence[Target]) -> list[Target]:
        """Return the targets in their order, those that are cooling down behind the others."""
        now = self._clock()
        with self._lock:
            cooling = {target for target in targets if self._until.get(target, now) > now}
        return sorted(targets, key=lambda target: target in cooling)

    def failed(self, target: Target, error: ProviderError) -> None:
        """Note a failure; one that says nothing of the target's state changes nothing."""
        if reaction_to(error).cools:
            seconds = min(max(self._seconds, error.retry_after or 0.0), _LONGEST)
            with self._lock:
                self._until[target] = self._clock() + seconds

    def answered(self, target: Target) -> None:
        """Note an answer: the target is well again."""
        with self._lock:
            self._until.pop(target, None)

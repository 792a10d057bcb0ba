"""What to do after a failed attempt: the same target again, the next one, or nothing more. Pure: it only decides.

One budget of attempts covers retries, key reloads and fallback together. What each cause allows stands in one table
(design, section 3).
"""

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple

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
from qwen_gateway.routes import Target

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 60.0
_BURST_PAUSE = 5.0
_LONGEST_WAIT_BESIDE_ANOTHER = 2.0
"""Seconds. Whoever asks for a longer wait gets it, but the next target is asked meanwhile."""
_SHORTEST_ATTEMPT = 0.25
"""Seconds that have to be left for an attempt to be worth its start."""


class Again(enum.Enum):
    """How the same target is tried again."""

    NEVER = "never"
    AT_ONCE = "once, at once"
    AFTER_BACKOFF = "once, after backoff"
    WITH_BACKOFF = "with backoff"
    AFTER_PAUSE = "after a pause, if there is no other target"
    WITH_NEW_KEY = "once, if the secret has another key"


class Onward(enum.Enum):
    """Which targets make sense afterwards."""

    ANY = "the next"
    OTHER_PROVIDER = "the next of another provider"
    FINAL = "none from the first target, else the next"


class Reaction(NamedTuple):
    """What one cause allows. `cools`: the target is tried last for a while, also by other requests."""

    again: Again
    onward: Onward
    cools: bool = False


REACTIONS: dict[type[ProviderError], Reaction] = {
    ProviderThrottled: Reaction(Again.WITH_BACKOFF, Onward.ANY, cools=True),
    ProviderBurstThrottled: Reaction(Again.AFTER_PAUSE, Onward.ANY, cools=True),
    ProviderOverloaded: Reaction(Again.AFTER_BACKOFF, Onward.ANY, cools=True),
    ProviderFault: Reaction(Again.AFTER_BACKOFF, Onward.ANY, cools=True),
    ProviderAnswerBroken: Reaction(Again.AFTER_BACKOFF, Onward.ANY, cools=True),
    ProviderDisconnected: Reaction(Again.AFTER_BACKOFF, Onward.ANY, cools=True),
    ProviderIdleDisconnected: Reaction(Again.AT_ONCE, Onward.ANY),
    ProviderUnreachable: Reaction(Again.AT_ONCE, Onward.ANY, cools=True),
    ProviderConnectTimeout: Reaction(Again.NEVER, Onward.ANY, cools=True),
    ProviderTimeout: Reaction(Again.NEVER, Onward.ANY, cools=True),
    ProviderOutOfCredit: Reaction(Again.NEVER, Onward.OTHER_PROVIDER),
    ProviderKeyRefused: Reaction(Again.WITH_NEW_KEY, Onward.OTHER_PROVIDER),
    ProviderModelMissing: Reaction(Again.NEVER, Onward.ANY),
    ProviderRefused: Reaction(Again.NEVER, Onward.FINAL),
}


class Step(NamedTuple):
    """The next attempt: its target, and the seconds to wait before it."""

    target: Target
    wait: float


class Course:
    """The attempts of one request over its targets.

    Args:
        targets: in the order of the route; a refusal by the first of them is final.
        order: the same targets in the order in which they are to be tried now.
        attempts: calls of providers that the request may cost.
        left: seconds until the deadline.
        chance: a number from 0 to 1, anew at each call.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        order: Sequence[Target],
        attempts: int,
        left: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._first = targets[0]
        self._ahead = list(order)
        self._attempts = attempts
        self._left = left
        self._chance = chance
        self._backoffs = 0
        self._repeated = False
        self._reloaded: set[str] = set()

    def first(self) -> Step:
        """Begin with the first target of the order."""
        self._attempts -= 1
        return Step(self._ahead[0], 0.0)

    def after(self, error: ProviderError, *, has_new_key: bool = False) -> Step | None:
        """Return the attempt that follows a failed one; None: the request has failed.

        `has_new_key` says that the secret now holds another key than the one that was refused.
        """
        reaction, provider = reaction_to(error), self._ahead[0].provider
        onward = reaction.onward
        if has_new_key := has_new_key and provider not in self._reloaded:
            # Every target of the provider may be asked with it, also when the budget is too small for this one.
            self._reloaded.add(provider)
            onward = Onward.ANY
        step = self._again(reaction.again, error, has_new_key=has_new_key) or self._onward(onward)
        if step:
            self._attempts -= 1
        return step

    def skip(self, onward: Onward) -> Step | None:
        """Leave a target that was not called after all; it gives its attempt back."""
        self._attempts += 1
        step = self._onward(onward)
        if step:
            self._attempts -= 1
        return step

    def _again(self, again: Again, error: ProviderError, *, has_new_key: bool) -> Step | None:
        others = len(self._ahead) - 1
        # Each target that was not asked yet has an attempt kept for it.
        if self._attempts <= others:
            return None
        wait = self._wait(again, alone=not others, has_new_key=has_new_key)
        if wait is None:
            return None
        wait = max(wait, error.retry_after or 0.0)
        if not self._fits(wait) or (others and wait > _LONGEST_WAIT_BESIDE_ANOTHER):
            return None
        self._repeated = True
        return Step(self._ahead[0], wait)

    def _wait(self, again: Again, *, alone: bool, has_new_key: bool) -> float | None:
        """Return the seconds before the same target is asked again, as we see it; None: it is not."""
        match again:
            case Again.AT_ONCE if not self._repeated:
                return 0.0
            case Again.WITH_NEW_KEY if has_new_key:
                return 0.0
            case Again.AFTER_BACKOFF if not self._repeated:
                return self._backoff()
            case Again.WITH_BACKOFF if alone or not self._repeated:
                return self._backoff()
            case Again.AFTER_PAUSE if alone:
                return _BURST_PAUSE + self._backoff()
        return None

    def _onward(self, onward: Onward) -> Step | None:
        target = self._ahead.pop(0)
        self._repeated = False
        if onward is Onward.OTHER_PROVIDER:
            self._ahead = [other for other in self._ahead if other.provider != target.provider]
        is_final = onward is Onward.FINAL and target == self._first
        if is_final or not self._ahead or self._attempts <= 0 or not self._fits(0.0):
            return None
        return Step(self._ahead[0], 0.0)

    def _backoff(self) -> float:
        """Full jitter: anything between nothing and a bound that doubles."""
        bound = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0**self._backoffs)
        self._backoffs += 1
        return self._chance() * bound

    def _fits(self, wait: float) -> bool:
        return wait + _SHORTEST_ATTEMPT <= self._left()


def reaction_to(error: ProviderError) -> Reaction:
    """Return the row of the table for an error."""
    return next(REACTIONS[kind] for kind in type(error).__mro__ if kind in REACTIONS)

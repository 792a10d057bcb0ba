"""A request's way to an answer: attempts over the targets of its route, within one budget and one deadline."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qwen_gateway.config import Configuration
from qwen_gateway.errors import DependencyFailed, GatewayError, ProviderError, RequestInvalid
from qwen_gateway.routes import Routes, Target
from qwen_gateway.upstream.advice import advised
from qwen_gateway.upstream.attempt import Attempt, Caller, Keys, Tried
from qwen_gateway.upstream.cooling import Cooling
from qwen_gateway.upstream.deadline import Clock, Deadline
from qwen_gateway.upstream.policy import Course, Onward, Step
from qwen_gateway.upstream.suitability import most_output, suitable
from qwen_gateway.upstream.translation import translated
from qwen_gateway.upstream.transport import Transport


class Outcome(NamedTuple):
    """What became of a request: a whole answer (`chat.completion`) or a failure, and every attempt made.

    `lowered_cap` is the output cap, in tokens, that the last target was given when the client asked for more.
    """

    attempts: tuple[Attempt, ...]
    result: dict[str, Any] | GatewayError
    lowered_cap: int | None = None


class Upstream:
    """The Qwen client: knows the providers, their keys, the limits of a call and which targets failed a moment ago."""

    def __init__(  # noqa: PLR0913 - time and chance are given by tests
        self,
        configuration: Configuration,
        keys: Keys,
        transport: Transport,
        clock: Clock = time.monotonic,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._caller = Caller(configuration, keys, transport, clock)
        self._cooling = Cooling(configuration.retries.cool_down, clock)
        self._attempts = configuration.retries.attempts
        self._describe = Routes(configuration).describe
        self._providers = configuration.providers
        self._sleep = sleep
        self._chance = chance

    def complete(self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline) -> Outcome:
        """Ask the targets for a whole answer until one gives it; `model` is the name that the client used.

        A failure is a value of the outcome, never raised: that of the first target, also when it could not be called
        for want of a key; when its turn never came, that of the one that was tried first.
        """
        targets = suitable(targets, body, self._describe)
        most = most_output(targets[0], self._describe)
        course = Course(targets, self._cooling.order(targets), self._attempts, deadline.left, self._chance)
        attempts: list[Attempt] = []
        lowered_cap: int | None = None
        failures: dict[Target, GatewayError] = {}
        step: Step | None = course.first()
        while step:
            self._sleep(step.wait)
            tried, lowered_cap = self._call(step.target, body, most, deadline)
            if tried.attempt:
                attempts.append(tried.attempt)
            if not isinstance(tried.result, GatewayError):
                self._cooling.answered(step.target)
                return Outcome(tuple(attempts), tried.result, lowered_cap)
            failures[step.target] = tried.result
            step = self._after(course, step.target, tried)
        return Outcome(tuple(attempts), _told(failures, targets[0], model), lowered_cap)

    def _call(
        self, target: Target, body: Mapping[str, Any], most: int | None, deadline: Deadline
    ) -> tuple[Tried, int | None]:
        """Ask a target in its own words; return also the output cap when it had to be lowered."""
        stream_usage = self._providers[target.provider].stream_usage
        try:
            asked = translated(body, self._describe(target), most=most, stream_usage=stream_usage)
        except RequestInvalid as refusal:
            return Tried(None, refusal), None
        return self._caller.call(target, asked.body, deadline), asked.lowered_cap

    def _after(self, course: Course, target: Target, tried: Tried) -> Step | None:
        """Return what follows a failure; a defect of ours ends the request."""
        error = tried.result
        if isinstance(error, DependencyFailed):
            return course.skip(Onward.OTHER_PROVIDER)
        if isinstance(error, RequestInvalid):
            return course.skip(Onward.FINAL)
        if not isinstance(error, ProviderError):
            return None
        self._cooling.failed(target, error)
        return course.after(error, has_new_key=tried.has_new_key)


def _told(failures: Mapping[Target, GatewayError], first: Target, model: str) -> GatewayError:
    """Return the failure that the client reads: the first target's, else that of the one that was tried first."""
    target = first if first in failures else next(iter(failures))
    error = failures[target]
    return advised(error, target, model) if isinstance(error, ProviderError) else error

"""A request's way to an answer: attempts over the targets of its route, within one budget and one deadline."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway.config import Configuration
from qwen_gateway.errors import DependencyFailed, GatewayError, ProviderError, RequestInvalid
from qwen_gateway.routes import Routes, Target
from qwen_gateway.upstream.advice import advised
from qwen_gateway.upstream.aggregate import Aggregate
from qwen_gateway.upstream.answering import Answering, Attempt
from qwen_gateway.upstream.attempt import Caller, Keys, Take, Tried
from qwen_gateway.upstream.cooling import Cooling
from qwen_gateway.upstream.deadline import Clock, Deadline
from qwen_gateway.upstream.outcome import Outcome
from qwen_gateway.upstream.policy import Course, Onward, Step
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.suitability import most_output, suitable
from qwen_gateway.upstream.translation import translated
from qwen_gateway.upstream.transport import Transport


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

    def complete(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[dict[str, Any]]:
        """Ask the targets for a whole answer (`chat.completion`) until one gives it.

        `model` is the name that the client used. A failure is a value of the outcome, never raised: that of the first
        target, also when it could not be called for want of a key; when its turn never came, that of the one that was
        tried first.
        """
        return self._pursue(model, targets, body, deadline, _whole)

    def begin(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[Relay]:
        """Ask the targets as `complete` does, until the first output of one; the rest is left to whoever reads it."""
        outcome = self._pursue(model, targets, body, deadline, _begun)
        answering = outcome.result
        if isinstance(answering, GatewayError):
            return Outcome(outcome.attempts, answering, outcome.lowered_cap)

        def failed(error: ProviderError) -> GatewayError:
            self._cooling.failed(answering.target, error)
            return advised(error, answering.target, model)

        relay = Relay(outcome.attempts, answering, outcome.lowered_cap, failed)
        return Outcome(outcome.attempts, relay, outcome.lowered_cap)

    def _pursue[Answer](
        self,
        model: str,
        targets: tuple[Target, ...],
        body: Mapping[str, Any],
        deadline: Deadline,
        take: Take[Answer],
    ) -> Outcome[Answer]:
        targets = suitable(targets, body, self._describe)
        most = most_output(targets[0], self._describe)
        course = Course(targets, self._cooling.order(targets), self._attempts, deadline.left, self._chance)
        attempts: list[Attempt] = []
        lowered_cap: int | None = None
        failures: dict[Target, GatewayError] = {}
        step: Step | None = course.first()
        while step:
            self._sleep(step.wait)
            tried, lowered_cap = self._call(step.target, body, most, deadline, take)
            if tried.attempt:
                attempts.append(tried.attempt)
            if not isinstance(tried.result, GatewayError):
                self._cooling.answered(step.target)
                return Outcome(tuple(attempts), tried.result, lowered_cap)
            failures[step.target] = tried.result
            step = self._after(course, step.target, tried.result, has_new_key=tried.has_new_key)
        return Outcome(tuple(attempts), _told(failures, targets[0], model), lowered_cap)

    def _call[Answer](
        self, target: Target, body: Mapping[str, Any], most: int | None, deadline: Deadline, take: Take[Answer]
    ) -> tuple[Tried[Answer], int | None]:
        """Ask a target in its own words; return also the output cap when it had to be lowered."""
        stream_usage = self._providers[target.provider].stream_usage
        try:
            asked = translated(body, self._describe(target), most=most, stream_usage=stream_usage)
        except RequestInvalid as refusal:
            return Tried(None, refusal), None
        return self._caller.call(target, asked.body, deadline, take), asked.lowered_cap

    def _after(self, course: Course, target: Target, error: GatewayError, *, has_new_key: bool) -> Step | None:
        """Return what follows a failure; a defect of ours ends the request."""
        if isinstance(error, DependencyFailed):
            return course.skip(Onward.OTHER_PROVIDER)
        if isinstance(error, RequestInvalid):
            return course.skip(Onward.FINAL)
        if not isinstance(error, ProviderError):
            return None
        self._cooling.failed(target, error)
        return course.after(error, has_new_key=has_new_key)


def _whole(answering: Answering) -> tuple[dict[str, Any], Attempt]:
    aggregate = Aggregate()
    for batch in answering.batches():
        for event in batch:
            aggregate.add(event.chunk)
    return aggregate.whole(answering.progress.usage), answering.answered()


def _begun(answering: Answering) -> tuple[Answering, None]:
    answering.reach_output()
    return answering, None


def _told(failures: Mapping[Target, GatewayError], first: Target, model: str) -> GatewayError:
    """Return the failure that the client reads: the first target's, else that of the one that was tried first."""
    target = first if first in failures else next(iter(failures))
    error = failures[target]
    return advised(error, target, model) if isinstance(error, ProviderError) else error

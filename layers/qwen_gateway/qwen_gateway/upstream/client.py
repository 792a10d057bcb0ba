"""From a request to its answer: attempts over the targets of its route, within one budget and one deadline."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from qwen_gateway.config import Configuration
from qwen_gateway.dialect import AdaptedRequest, apply_defaults
from qwen_gateway.errors import DependencyFailed, GatewayError, ProviderError, RequestInvalid
from qwen_gateway.provider_failures import Fallback
from qwen_gateway.routing import Routes, Target, eligible_targets, output_limit
from qwen_gateway.upstream.attempt import ProviderCall, ProviderCaller, ProviderKeys, ProviderStream
from qwen_gateway.upstream.operations import Operation, Reader, StreamingOperation
from qwen_gateway.upstream.outcome import Attempt, AttemptFailed, Outcome, client_error
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.retry import AttemptPlan, Cooldowns, NextAttempt
from qwen_gateway.upstream.timeouts import Clock, Deadline
from qwen_gateway.upstream.transport import Transport


class RoutedRequest(NamedTuple):
    """A request with its targets; `model` is the client's model name.

    `defaults` are parameters that neither the request nor its target sets; the client is told their values. `headers`
    are passed to the provider.
    """

    model: str
    targets: tuple[Target, ...]
    body: Mapping[str, Any]
    defaults: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}


type BeforeAttempt = Callable[[Target, Sequence[Attempt]], GatewayError | None]
"""Called before each attempt with its target and the attempts so far. An error that it returns ends the request: before
the first attempt with that error, later with the error of the attempts that were made."""


def allow_attempt(_target: Target, _attempts: Sequence[Attempt]) -> None:
    """Allow every attempt."""


class Upstream:
    """The client of the providers. It owns their keys, the limits of a call and the cooldowns of failed targets."""

    def __init__(  # noqa: PLR0913 - tests replace time and randomness
        self,
        configuration: Configuration,
        keys: ProviderKeys,
        transport: Transport,
        clock: Clock = time.monotonic,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._caller = ProviderCaller(configuration, keys, transport, clock)
        self._cooldowns = Cooldowns(configuration.retries.cooldown, clock)
        self._attempts = configuration.retries.attempts
        self._describe = Routes(configuration).describe
        self._providers = configuration.providers
        self._sleep = sleep
        self._jitter = jitter

    def complete(
        self,
        operation: Operation,
        request: RoutedRequest,
        deadline: Deadline,
        before_attempt: BeforeAttempt = allow_attempt,
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer of the first target that gives one.

        Errors are returned, never raised. The outcome has the error of the first target, also if that could not be
        called because its key is missing; if it was not reached, the error of the target that was tried first.
        """
        outcome = self._run_attempts(operation, request, operation.whole_reader, deadline, before_attempt)
        stream = outcome.result
        if isinstance(stream, GatewayError):
            return Outcome(outcome.attempts, stream, None, outcome.changes)
        attempts = (*outcome.attempts, stream.finish())
        return Outcome(attempts, stream.reader.answer, stream.reader.usage, outcome.changes)

    def stream(
        self,
        operation: StreamingOperation,
        request: RoutedRequest,
        deadline: Deadline,
        before_attempt: BeforeAttempt = allow_attempt,
    ) -> Outcome[Relay]:
        """Run attempts as `complete` does until the first output of one; the caller reads the rest from the relay."""
        outcome = self._run_attempts(operation, request, operation.relay_reader, deadline, before_attempt)
        stream = outcome.result
        if isinstance(stream, GatewayError):
            return Outcome(outcome.attempts, stream, None, outcome.changes)
        relay = Relay(outcome.attempts, stream, outcome.changes, request.model, self._cooldowns)
        return Outcome(outcome.attempts, relay, None, outcome.changes)

    def adapt(self, operation: Operation, request: RoutedRequest) -> dict[Target, AdaptedRequest | RequestInvalid]:
        """Return the request in the form that each target gets which may be called for it, or why it gets none."""
        targets, limit = self._eligible(operation, request)
        adapted: dict[Target, AdaptedRequest | RequestInvalid] = {}
        for target in targets:
            try:
                adapted[target] = self._adapt(operation, request, target, limit)
            except RequestInvalid as error:
                adapted[target] = error
        return adapted

    def _eligible(self, operation: Operation, request: RoutedRequest) -> tuple[tuple[Target, ...], int | None]:
        """Return the targets that may be called, and the highest output cap that any of them may get."""
        targets = eligible_targets(request.targets, operation.requirements(request.body), self._describe)
        return targets, output_limit(self._describe(targets[0]))

    def _adapt(self, operation: Operation, request: RoutedRequest, target: Target, limit: int | None) -> AdaptedRequest:
        own_body = apply_defaults(request.body, target.defaults)
        body = apply_defaults(own_body, request.defaults)
        adapted = operation.adapt(body, self._describe(target), self._providers[target.provider], limit)
        added = {name for name in request.defaults if own_body.get(name) is None} & adapted.body.keys()
        return adapted._replace(changes={**adapted.changes, **{name: adapted.body[name] for name in added}})

    def _run_attempts[AnyReader: Reader](
        self,
        operation: Operation,
        request: RoutedRequest,
        new_reader: Callable[[Mapping[str, Any]], AnyReader],
        deadline: Deadline,
        before_attempt: BeforeAttempt,
    ) -> Outcome[ProviderStream[AnyReader]]:
        """Return the response of the first target that gives an answer, and the failed attempts before."""
        body = request.body
        targets, limit = self._eligible(operation, request)
        plan = AttemptPlan(targets, self._cooldowns.order(targets), self._attempts, deadline.remaining, self._jitter)
        attempts: list[Attempt] = []
        errors: dict[Target, GatewayError] = {}
        changes: Mapping[str, float] = {}
        following: NextAttempt | None = plan.first()
        while following:
            target = following.target
            self._sleep(following.wait)
            if refusal := before_attempt(target, attempts):
                error = _final_error(errors, targets[0], request.model) if errors else refusal
                return Outcome(tuple(attempts), error, None, changes)
            changes = {}
            try:
                adapted = self._adapt(operation, request, target, limit)
                changes = adapted.changes
                call = ProviderCall(target, operation, adapted.body, {**request.headers, **adapted.headers})
                with self._caller.open(call, new_reader(body), deadline) as stream:
                    stream.wait_until_ready()
            except AttemptFailed as failed:
                attempts.append(failed.attempt)
                errors[target] = failed.error
                following = self._after_failure(plan, target, failed)
            except GatewayError as error:
                errors[target] = error
                following = _after_refusal(plan, error)
            else:
                self._cooldowns.record_success(target)
                return Outcome(tuple(attempts), stream, None, changes)
        return Outcome(tuple(attempts), _final_error(errors, targets[0], request.model), None, changes)

    def _after_failure(self, plan: AttemptPlan, target: Target, failed: AttemptFailed) -> NextAttempt | None:
        """Return the attempt that follows a failed one; an internal error ends the request."""
        if not isinstance(failed.error, ProviderError):
            return None
        self._cooldowns.record_failure(target, failed.error)
        return plan.after(failed.error, has_new_key=failed.has_new_key)


def _after_refusal(plan: AttemptPlan, error: GatewayError) -> NextAttempt | None:
    """Return the attempt that follows an error of our own before the call to the provider."""
    if isinstance(error, DependencyFailed):
        return plan.skip(Fallback.OTHER_PROVIDER)
    if isinstance(error, RequestInvalid):
        return plan.skip(Fallback.FINAL)
    return None


def _final_error(errors: Mapping[Target, GatewayError], first: Target, model: str) -> GatewayError:
    """Return the error for the client: that of the first target, else that of the target that was tried first."""
    target = first if first in errors else next(iter(errors))
    error = errors[target]
    return client_error(error, target, model) if isinstance(error, ProviderError) else error

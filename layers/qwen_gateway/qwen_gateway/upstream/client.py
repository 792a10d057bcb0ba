"""From a request to its answer: attempts over the targets of its route, within one budget and one deadline."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from qwen_gateway.config import Configuration
from qwen_gateway.dialect import adapt_request
from qwen_gateway.errors import (
    DependencyFailed,
    GatewayError,
    ProviderError,
    ProviderModelMissing,
    RequestInvalid,
    RouteModelMissing,
)
from qwen_gateway.provider_failures import Fallback, failure_of
from qwen_gateway.routing import Routes, Target
from qwen_gateway.routing.eligibility import eligible_targets, output_limit
from qwen_gateway.upstream.aggregate import Aggregate
from qwen_gateway.upstream.attempt import AttemptResult, ProviderCaller, ProviderKeys, ReadAnswer
from qwen_gateway.upstream.cooldown import Cooldowns
from qwen_gateway.upstream.outcome import Attempt, Outcome
from qwen_gateway.upstream.provider_stream import ProviderStream
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.retry import AttemptPlan, NextAttempt
from qwen_gateway.upstream.timeouts import Clock, Deadline
from qwen_gateway.upstream.transport import Transport


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
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer (`chat.completion`) of the first target that gives one.

        `model` is the client's model name. Errors are returned, never raised. The outcome has the error of the first
        target, also if that could not be called because its key is missing; if it was not reached, the error of the
        target that was tried first.
        """
        return self._run_attempts(model, targets, body, deadline, _read_whole)

    def stream(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[Relay]:
        """Run attempts as `complete` does until the first output of one; the caller reads the rest from the relay."""
        outcome = self._run_attempts(model, targets, body, deadline, _read_first_token)
        stream = outcome.result
        if isinstance(stream, GatewayError):
            return Outcome(outcome.attempts, stream, outcome.capped_max_tokens)

        def on_failure(error: ProviderError) -> GatewayError:
            self._cooldowns.record_failure(stream.target, error)
            return client_error(error, stream.target, model)

        relay = Relay(outcome.attempts, stream, outcome.capped_max_tokens, on_failure)
        return Outcome(outcome.attempts, relay, outcome.capped_max_tokens)

    def _run_attempts[Answer](
        self,
        model: str,
        targets: tuple[Target, ...],
        body: Mapping[str, Any],
        deadline: Deadline,
        read: ReadAnswer[Answer],
    ) -> Outcome[Answer]:
        targets = eligible_targets(targets, body, self._describe)
        limit = output_limit(targets[0], self._describe)
        order = self._cooldowns.order(targets)
        plan = AttemptPlan(targets, order, self._attempts, deadline.remaining, self._jitter)
        attempts: list[Attempt] = []
        capped_max_tokens: int | None = None
        errors: dict[Target, GatewayError] = {}
        following: NextAttempt | None = plan.first()
        while following:
            target = following.target
            self._sleep(following.wait)
            result, capped_max_tokens = self._call(target, body, limit, deadline, read)
            if result.attempt:
                attempts.append(result.attempt)
            if not isinstance(result.result, GatewayError):
                self._cooldowns.record_success(target)
                return Outcome(tuple(attempts), result.result, capped_max_tokens)
            errors[target] = result.result
            following = self._next_attempt(plan, target, result.result, has_new_key=result.has_new_key)
        return Outcome(tuple(attempts), _final_error(errors, targets[0], model), capped_max_tokens)

    def _call[Answer](
        self, target: Target, body: Mapping[str, Any], limit: int | None, deadline: Deadline, read: ReadAnswer[Answer]
    ) -> tuple[AttemptResult[Answer], int | None]:
        """Call a target with the request adapted to it; return also the output cap if it had to be lowered."""
        stream_usage = self._providers[target.provider].stream_usage
        try:
            adapted = adapt_request(body, self._describe(target), output_limit=limit, stream_usage=stream_usage)
        except RequestInvalid as error:
            return AttemptResult(None, error), None
        return self._caller.call(target, adapted.body, deadline, read), adapted.capped_max_tokens

    def _next_attempt(
        self, plan: AttemptPlan, target: Target, error: GatewayError, *, has_new_key: bool
    ) -> NextAttempt | None:
        """Return the attempt that follows an error; an internal error ends the request."""
        if isinstance(error, DependencyFailed):
            return plan.skip(Fallback.OTHER_PROVIDER)
        if isinstance(error, RequestInvalid):
            return plan.skip(Fallback.FINAL)
        if not isinstance(error, ProviderError):
            return None
        self._cooldowns.record_failure(target, error)
        return plan.after(error, has_new_key=has_new_key)


def _read_whole(stream: ProviderStream) -> tuple[dict[str, Any], Attempt]:
    aggregate = Aggregate()
    for batch in stream.batches():
        for event in batch:
            aggregate.add(event.chunk)
    return aggregate.completion(stream.progress.usage), stream.finish()


def _read_first_token(stream: ProviderStream) -> tuple[ProviderStream, None]:
    stream.wait_for_first_token()
    return stream, None


def _final_error(errors: Mapping[Target, GatewayError], first: Target, model: str) -> GatewayError:
    """Return the error for the client: that of the first target, else that of the target that was tried first."""
    target = first if first in errors else next(iter(errors))
    error = errors[target]
    return client_error(error, target, model) if isinstance(error, ProviderError) else error


def client_error(error: ProviderError, target: Target, model: str) -> ProviderError:
    """Return a provider's error with the message for the client; `model` is the client's model name."""
    kind = type(error)
    if kind is ProviderModelMissing and model != target.model:
        kind = RouteModelMissing
    failure = failure_of(kind)
    reason = error.message or "it gave no reason"
    message = failure.message.format(provider=target.provider, model=target.model, reason=reason)
    if failure.quotes_provider and error.message:
        message += f" It says: {error.message}"
    return kind(
        message,
        param=error.param,
        retry_after=error.retry_after or failure.retry_after,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )

"""Invariants of random requests, two in each environment, on a fake clock that only they advance."""

import functools
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import config
from qwen_gateway.config import Configuration
from qwen_gateway.errors import (
    GatewayError,
    ProviderConnectTimeout,
    ProviderError,
    ProviderKeyRefused,
    ProviderNotConfigured,
    ProviderOutOfCredit,
    ProviderRefused,
    ProviderResponseMissing,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Deadline, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.transport import Address
from tests.builders import chat_request, whole_stream

TOLERANCE_S = 0.25
"""Seconds by which the end of a request may miss its deadline."""
MIN_ATTEMPT_S = 0.25
"""Seconds that have to be left for another attempt."""
FINAL = (ProviderRefused, ProviderResponseMissing)
"""Failures after which the first target is not replaced."""
A, B, C = "dashscope", "dashscope-beijing", "holysheep"
TARGETS = [Target(provider, model) for provider in (A, B, C) for model in ("large", "small")]


class CallResult(NamedTuple):
    """The result of one call: its failure or None, its Retry-After, its duration in seconds.

    `key_is_new`: the secret now has another key.
    """

    failure: type[ProviderError] | None
    retry_after: float | None
    seconds: float
    key_is_new: bool


class Scenario(NamedTuple):
    """What the requests of one environment have in common. `oversleep` is added to each wait, in seconds."""

    attempts: int
    seconds: float
    without_key: tuple[str, ...]
    jitter: float
    oversleep: float


class Call(NamedTuple):
    """A call that a provider received."""

    target: Target
    started: float
    ended: float
    failure: ProviderError | None
    key_is_new: bool


def one_of[T](values: Iterable[T]) -> st.SearchStrategy[T]:
    """Draw one of all combinations at once, because each single draw takes longer than a call.

    They are shuffled, because low positions are drawn more often.
    """
    return st.sampled_from(random.Random(1).sample(listed := list(values), len(listed)))  # noqa: S311


routes = one_of(itertools.chain.from_iterable(itertools.permutations(TARGETS, length) for length in range(1, 6)))
scenarios = one_of(
    itertools.starmap(
        Scenario,
        itertools.product(
            range(1, 7),
            (0.0, 0.2, 0.6, 2.0, 9.0, 28.0, 28.0, 890.0),
            ((), (), (), (A,), (A, B, C)),
            (0.0, 0.4, 1.0),
            (0.0, 0.1),
        ),
    )
)
call_results = one_of(
    itertools.starmap(
        CallResult,
        itertools.product(
            (None, *(failure.error for failure in PROVIDER_FAILURES)),
            (None, None, 1.0, 7.0, 3600.0),
            (0.0, 0.01, 0.5, 3, 100),
            (False, True),
        ),
    )
)
pauses = one_of(itertools.product((0.0, 4.0, 30.0), repeat=2))


class FakeEnvironment:
    """The clock, the keys and the providers of one execution environment."""

    request_id = "req-1"
    status = 200

    def __init__(self, scenario: Scenario, results: Sequence[CallResult]) -> None:
        self._scenario = scenario
        self._results = itertools.cycle(results)
        self.now = 1000.0
        self.calls: list[Call] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds and seconds + self._scenario.oversleep

    def key(self, provider: str, _seconds: float) -> str:
        if provider in self._scenario.without_key:
            raise ProviderNotConfigured("no key")
        return "sk-test"

    def reload_refused(self, *_: object) -> bool:
        return self.calls[-1].key_is_new

    def open(
        self, address: Address, _key: str, body: Mapping[str, Any], timeouts: AttemptTimeouts
    ) -> "FakeEnvironment":
        result, started = next(self._results), self.now
        failure = result.failure
        connects = failure is not None and issubclass(failure, ProviderUnreachable)
        limit = timeouts.connect_seconds() if connects else timeouts.read_seconds()
        self.now += max(0.0, min(result.seconds, limit))
        if result.seconds >= limit:
            failure = ProviderConnectTimeout if connects else ProviderTimeout
        error = failure("message", retry_after=result.retry_after, code=str(len(self.calls))) if failure else None
        target = Target(providers()[address.url], body["model"])
        self.calls.append(Call(target, started, self.now, error, result.key_is_new))
        if error:
            raise error
        return self

    def pieces(self) -> Iterator[bytes]:
        yield whole_stream()

    def drain(self) -> None: ...


@given(routes, scenarios, st.lists(call_results, min_size=1, max_size=6), pauses)
def test_every_request_keeps_the_invariants(
    route: tuple[Target, ...], scenario: Scenario, results: list[CallResult], waits: tuple[float, ...]
) -> None:
    environment = FakeEnvironment(scenario, results)
    upstream = Upstream(
        configuration(scenario.attempts),
        environment,
        cast("Transport", environment),
        environment,
        sleep=environment.sleep,
        jitter=lambda: scenario.jitter,
    )
    for wait in waits:
        environment.now += wait
        environment.calls.clear()
        deadline = Deadline(scenario.seconds, environment)

        outcome = upstream.complete(CHAT, RoutedRequest("alias", route, chat_request()), deadline)

        assert deadline.remaining() >= -TOLERANCE_S
        assert len(environment.calls) <= scenario.attempts
        assert [attempt.target for attempt in outcome.attempts] == [call.target for call in environment.calls]
        for position, call in enumerate(environment.calls):
            for later in environment.calls[position + 1 :]:
                assert_may_follow(call, later, route)
            assert_keys_are_tried_at_most_twice(call.target.provider, environment.calls)
        if isinstance(outcome.result, GatewayError):
            assert_is_the_first_targets_failure(outcome.result, environment.calls, route)
            assert_all_targets_were_tried(environment, scenario, route, deadline.remaining())
        else:
            assert environment.calls[-1].failure is None


@functools.cache
def configuration(attempts: int) -> Configuration:
    return config.parse(f'{{"retries": {{"attempts": {attempts}}}}}')


@functools.cache
def providers() -> dict[str, str]:
    return {provider.url: name for name, provider in configuration(1).providers.items()}


def assert_may_follow(call: Call, later: Call, route: tuple[Target, ...]) -> None:
    """Assert that a later call of the same request is allowed after an earlier one."""
    assert call.failure, "a call follows an answer"
    if isinstance(call.failure, FINAL):
        assert call.target not in (later.target, route[0]), "a final rejection was retried"
    if isinstance(call.failure, ProviderTimeout | ProviderConnectTimeout):
        assert later.target != call.target, "a timeout was retried"
    if isinstance(call.failure, ProviderOutOfCredit) or (is_refused_key(call) and not call.key_is_new):
        assert later.target.provider != call.target.provider, "a provider was called again after a lasting failure"
    if later.target == call.target:
        assert later.started >= call.ended + (call.failure.retry_after or 0), "Retry-After was not honoured"


def assert_keys_are_tried_at_most_twice(provider: str, calls: list[Call]) -> None:
    assert sum(call.target.provider == provider and is_refused_key(call) for call in calls) <= 2


def is_refused_key(call: Call) -> bool:
    return isinstance(call.failure, ProviderKeyRefused)


def assert_is_the_first_targets_failure(error: GatewayError, calls: list[Call], route: tuple[Target, ...]) -> None:
    if isinstance(error, ProviderError):
        called = [call.target for call in calls]
        first = route[0] if route[0] in called else called[0]
        assert error.code == str(len(called) - 1 - called[::-1].index(first))
    else:
        assert isinstance(error, ProviderNotConfigured)


def assert_all_targets_were_tried(
    environment: FakeEnvironment, scenario: Scenario, route: tuple[Target, ...], remaining: float
) -> None:
    """Assert that a failed request tried every target that could still have answered."""
    if len(environment.calls) == scenario.attempts or remaining < MIN_ATTEMPT_S:
        return
    if any(call.target == route[0] and isinstance(call.failure, FINAL) for call in environment.calls):
        return
    excluded = {call.target.provider for call in environment.calls if isinstance(call.failure, ProviderOutOfCredit)}
    refusals = Counter(call.target.provider for call in environment.calls if is_refused_key(call))
    excluded |= {call.target.provider for call in environment.calls if is_refused_key(call) and not call.key_is_new}
    excluded |= {provider for provider, times in refusals.items() if times > 1}
    excluded |= set(scenario.without_key)
    tried = {call.target for call in environment.calls}
    assert {target for target in route if target.provider not in excluded} <= tried

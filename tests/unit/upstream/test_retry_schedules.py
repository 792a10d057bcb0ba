"""Ten thousand random requests, two in each environment, on a clock that only they move: what none may ever do."""

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
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Deadline, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations import Operation
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from tests.builders import chat_request, whole_stream

GRACE = 0.25
"""Seconds by which the end of a request may miss its deadline."""
WORTH_A_START = 0.25
"""Seconds that have to be left for another attempt."""
A, B, C = "dashscope", "dashscope-beijing", "holysheep"
TARGETS = [Target(provider, model) for provider in (A, B, C) for model in ("large", "small")]


class Happening(NamedTuple):
    """What becomes of one call: its failure or None, the wait that the provider asks for, the seconds that it takes.

    `key_is_new` says whether the secret holds another key meanwhile.
    """

    failure: type[ProviderError] | None
    retry_after: float | None
    seconds: float
    key_is_new: bool


class Circumstances(NamedTuple):
    """What the requests of one environment have in common."""

    attempts: int
    seconds: float
    without_key: tuple[str, ...]
    chance: float
    oversleeps: float


class Call(NamedTuple):
    """A call as its provider saw it."""

    target: Target
    started: float
    ended: float
    failure: ProviderError | None
    key_is_new: bool


def one_of[T](everything: Iterable[T]) -> st.SearchStrategy[T]:
    """Draw from all that there is at once: each choice costs more than the call that it is made for.

    In an order of no meaning, because low places are drawn more often than high ones.
    """
    return st.sampled_from(random.Random(1).sample(shuffled := list(everything), len(shuffled)))  # noqa: S311


routes = one_of(itertools.chain.from_iterable(itertools.permutations(TARGETS, length) for length in range(1, 6)))
circumstances = one_of(
    itertools.starmap(
        Circumstances,
        itertools.product(
            range(1, 7),
            (0.0, 0.2, 0.6, 2.0, 9.0, 28.0, 28.0, 890.0),
            ((), (), (), (A,), (A, B, C)),
            (0.0, 0.4, 1.0),
            (0.0, 0.1),
        ),
    )
)
happenings = one_of(
    itertools.starmap(
        Happening,
        itertools.product(
            (None, *(failure.error for failure in PROVIDER_FAILURES)),
            (None, None, 1.0, 7.0, 3600.0),
            (0.0, 0.01, 0.5, 3, 100),
            (False, True),
        ),
    )
)
pauses = one_of(itertools.product((0.0, 4.0, 30.0), repeat=2))


class World:
    """The clock, the keys and the providers of one environment; nothing happens but what was drawn."""

    is_event_stream = True
    request_id = "req-1"
    status = 200

    def __init__(self, around: Circumstances, ahead: Sequence[Happening]) -> None:
        self._around = around
        self._ahead = itertools.cycle(ahead)
        self.now = 1000.0
        self.calls: list[Call] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds and seconds + self._around.oversleeps

    def key(self, provider: str) -> str:
        if provider in self._around.without_key:
            raise ProviderNotConfigured("no key")
        return "sk-test"

    def reload_refused(self, *_: str) -> bool:
        return self.calls[-1].key_is_new

    def open(
        self, url: str, _operation: Operation, _key: str, body: Mapping[str, Any], timeouts: AttemptTimeouts
    ) -> "World":
        happening, started = next(self._ahead), self.now
        failure = happening.failure
        connects = failure is not None and issubclass(failure, ProviderUnreachable)
        limit = timeouts.connect_seconds() if connects else timeouts.read_seconds()
        self.now += max(0.0, min(happening.seconds, limit))
        if happening.seconds >= limit:
            failure = ProviderConnectTimeout if connects else ProviderTimeout
        error = failure("words", retry_after=happening.retry_after, code=str(len(self.calls))) if failure else None
        target = Target(providers()[url], body["model"])
        self.calls.append(Call(target, started, self.now, error, happening.key_is_new))
        if error:
            raise error
        return self

    def pieces(self) -> Iterator[bytes]:
        yield whole_stream()

    def drain(self) -> None: ...


@given(routes, circumstances, st.lists(happenings, min_size=1, max_size=6), pauses)
def test_every_request_keeps_its_promises(
    route: tuple[Target, ...], around: Circumstances, ahead: list[Happening], waits: tuple[float, ...]
) -> None:
    world = World(around, ahead)
    upstream = Upstream(
        configuration(around.attempts),
        world,
        cast("Transport", world),
        world,
        sleep=world.sleep,
        jitter=lambda: around.chance,
    )
    for wait in waits:
        world.now += wait
        world.calls.clear()
        deadline = Deadline(around.seconds, world)

        outcome = upstream.complete(CHAT, RoutedRequest("alias", route, chat_request()), deadline)

        assert deadline.remaining() >= -GRACE
        assert len(world.calls) <= around.attempts
        assert [attempt.target for attempt in outcome.attempts] == [call.target for call in world.calls]
        for position, call in enumerate(world.calls):
            for later in world.calls[position + 1 :]:
                may_follow(call, later, route)
            keys_are_tried_twice_at_most(call.target.provider, world.calls)
        if isinstance(outcome.result, GatewayError):
            tells_the_first_targets_failure(outcome.result, world.calls, route)
            gave_up_for_a_reason(world, around, route, deadline.remaining())
        else:
            assert world.calls[-1].failure is None


@functools.cache
def configuration(attempts: int) -> Configuration:
    return config.parse(f'{{"retries": {{"attempts": {attempts}}}}}')


@functools.cache
def providers() -> dict[str, str]:
    return {provider.url: name for name, provider in configuration(1).providers.items()}


def may_follow(call: Call, later: Call, route: tuple[Target, ...]) -> None:
    """Hold a later call of the same request to what an earlier one said."""
    assert call.failure, "an answer was not enough"
    if isinstance(call.failure, ProviderRefused):
        assert call.target not in (later.target, route[0]), "a final refusal was repeated"
    if isinstance(call.failure, ProviderTimeout | ProviderConnectTimeout):
        assert later.target != call.target, "a timeout was repeated"
    if isinstance(call.failure, ProviderOutOfCredit) or (is_refused_key(call) and not call.key_is_new):
        assert later.target.provider != call.target.provider, "a provider was asked that had refused for good"
    if later.target == call.target:
        assert later.started >= call.ended + (call.failure.retry_after or 0), "a wait was undercut"


def keys_are_tried_twice_at_most(provider: str, calls: list[Call]) -> None:
    assert sum(call.target.provider == provider and is_refused_key(call) for call in calls) <= 2


def is_refused_key(call: Call) -> bool:
    return isinstance(call.failure, ProviderKeyRefused)


def tells_the_first_targets_failure(told: GatewayError, calls: list[Call], route: tuple[Target, ...]) -> None:
    if isinstance(told, ProviderError):
        asked = [call.target for call in calls]
        first = route[0] if route[0] in asked else asked[0]
        assert told.code == str(len(asked) - 1 - asked[::-1].index(first))
    else:
        assert isinstance(told, ProviderNotConfigured)


def gave_up_for_a_reason(world: World, around: Circumstances, route: tuple[Target, ...], left: float) -> None:
    """Hold a failed request to having asked every target that could still have answered."""
    if len(world.calls) == around.attempts or left < WORTH_A_START:
        return
    if any(call.target == route[0] and isinstance(call.failure, ProviderRefused) for call in world.calls):
        return
    dead = {call.target.provider for call in world.calls if isinstance(call.failure, ProviderOutOfCredit)}
    refusals = Counter(call.target.provider for call in world.calls if is_refused_key(call))
    dead |= {call.target.provider for call in world.calls if is_refused_key(call) and not call.key_is_new}
    dead |= {provider for provider, times in refusals.items() if times > 1}
    dead |= set(around.without_key)
    asked = {call.target for call in world.calls}
    assert {target for target in route if target.provider not in dead} <= asked

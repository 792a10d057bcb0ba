"""The outcome of a relayed answer for each way in which it can end."""

from contextlib import suppress
from typing import Any, cast

import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, ProviderAnswerBroken, ProviderError, ProviderFault
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, Relay
from qwen_gateway.upstream.attempt import ProviderStream
from qwen_gateway.upstream.operations import RelayReader
from qwen_gateway.upstream.operations.chat import RelayedChatReader
from qwen_gateway.upstream.relay import ClosedEarly
from qwen_gateway.upstream.retry import Cooldowns
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Stopwatch
from qwen_gateway.upstream.transport import OpenResponse
from qwen_gateway.usage import Usage
from tests.builders import encode_chunks, error_event, finish, stream, text_chunks, usage
from tests.unit.upstream.fakes import FakeClock, FakeResponse

TARGET = Target("dashscope", "qwen4-max")
OTHER_TARGET = Target("dashscope", "qwen-plus")
FAILED_ATTEMPT = Attempt(OTHER_TARGET, "ProviderFault", 500, "req-0", 5, None, "presumed")
CHANGES = {"max_tokens": 4096}
HELLO = encode_chunks(*text_chunks("Hel"))
END = stream(finish(), usage())


def relay_of(response: FakeResponse, cooldowns: Cooldowns | None = None, *, wants_usage: bool = False) -> Relay:
    provider_stream: ProviderStream[RelayReader] = ProviderStream(
        TARGET,
        cast("OpenResponse", response),
        RelayedChatReader(1, wants_usage=wants_usage),
        AttemptTimeouts(Deadline(20), Timeouts()),
        Stopwatch(),
    )
    return Relay((FAILED_ATTEMPT,), provider_stream, CHANGES, "qwen-max", cooldowns or Cooldowns(10, FakeClock()))


def last_attempt(outcome: Outcome[Any]) -> tuple[str, str, int | None, str | None]:
    """Return the facts of the last attempt. Assert that the earlier ones and the changes are kept."""
    assert (outcome.attempts[:-1], outcome.changes) == ((FAILED_ATTEMPT,), CHANGES)
    attempt = outcome.attempts[-1]
    return attempt.cause, attempt.charged, attempt.status, attempt.request_id


def test_a_complete_answer_is_billed_and_its_connection_is_drained() -> None:
    response = FakeResponse([HELLO, END])
    relay = relay_of(response)

    assert len(list(relay.events())) == 2
    assert response.releases == []
    outcome = relay.end()

    assert response.releases == ["drained"]
    assert (outcome.result, outcome.usage) == (None, Usage.parse(usage()["usage"]))
    assert last_attempt(outcome) == ("", "billed", 200, "req-1")
    assert (relay.target, relay.attempts) == (TARGET, 2)


def test_an_answer_without_usage_has_none() -> None:
    relay = relay_of(FakeResponse([HELLO, stream(finish())]), wants_usage=True)
    list(relay.events())

    assert (relay.last_events({}), relay.end().usage) == ([], None)


@pytest.mark.parametrize("wants_usage", [True, False])
def test_the_usage_comes_last_for_clients_that_asked_for_it(wants_usage: bool) -> None:
    relay = relay_of(FakeResponse([HELLO, END]), wants_usage=wants_usage)

    assert not any(event.chunk.get("usage") for batch in relay.events() for event in batch)
    assert [event.chunk for event in relay.last_events({})] == [usage()] * wants_usage


@pytest.mark.parametrize("read", [0, 1], ids=["before the first event", "after the first event"])
def test_an_answer_closed_early_is_presumed_charged(read: int) -> None:
    response = FakeResponse([HELLO, END])
    relay = relay_of(response)
    events = relay.events()
    for _ in range(read):
        next(events)

    outcome = relay.end()

    assert response.releases == ["closed"]
    assert isinstance(outcome.result, InternalError)
    assert isinstance(outcome.result.cause, ClosedEarly)
    assert last_attempt(outcome) == ("ClosedEarly", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (FakeResponse([HELLO], ProviderAnswerBroken("cut")), ProviderAnswerBroken),
        (FakeResponse([HELLO]), ProviderAnswerBroken),
        (FakeResponse([HELLO, error_event()]), ProviderFault),
    ],
    ids=["cut", "no finish_reason", "error event"],
)
def test_a_failed_answer_raises_the_clients_error_and_ends_with_it(
    response: FakeResponse, error: type[ProviderError]
) -> None:
    cooldowns = Cooldowns(10, FakeClock())
    relay = relay_of(response, cooldowns)

    with pytest.raises(error, match=r"dashscope .*qwen4-max") as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert response.releases == ["closed"]
    assert last_attempt(outcome) == (error.__name__, "presumed", 200, "req-1")
    assert cooldowns.order([TARGET, OTHER_TARGET]) == [OTHER_TARGET, TARGET]


def test_an_unhandled_exception_ends_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    response = FakeResponse([HELLO, END])
    relay = relay_of(response)
    monkeypatch.setattr(RelayedChatReader, "read", lambda *_: 1 // 0)

    with pytest.raises(InternalError) as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert isinstance(raised.value.cause, ZeroDivisionError)
    assert response.releases == ["closed"]
    assert last_attempt(outcome) == ("ZeroDivisionError", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    "response",
    [FakeResponse([HELLO, END]), FakeResponse([HELLO]), FakeResponse([HELLO], ZeroDivisionError())],
    ids=["answered", "failed", "unhandled"],
)
def test_end_returns_the_same_outcome_each_time(response: FakeResponse) -> None:
    relay = relay_of(response)
    with suppress(GatewayError):
        list(relay.events())

    assert relay.end() is relay.end()
    assert len(response.releases) == 1


def test_events_that_arrive_together_are_yielded_together() -> None:
    relay = relay_of(FakeResponse([HELLO[:40], HELLO[40:] + HELLO, encode_chunks(usage()), END]))

    assert [len(batch) for batch in relay.events()] == [4, 1]

"""The outcome of a relayed answer for each way in which it can end."""

from contextlib import suppress
from typing import Any, cast

import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, ProviderAnswerBroken, ProviderError, ProviderFault
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, Relay
from qwen_gateway.upstream.chunk_normalizer import ChunkNormalizer
from qwen_gateway.upstream.chunks import AnswerProgress
from qwen_gateway.upstream.provider_stream import ProviderStream
from qwen_gateway.upstream.relay import ClosedEarly
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Stopwatch
from qwen_gateway.upstream.transport import OpenStream
from tests.builders import encode_chunks, error_event, finish, stream, text_chunks, usage
from tests.unit.upstream.fakes import FakeStream

TARGET = Target("dashscope", "qwen3-max")
FAILED_ATTEMPT = Attempt(Target("dashscope", "qwen-plus"), "ProviderFault", 500, "req-0", 5, None, "presumed")
HELLO = encode_chunks(*text_chunks("Hel"))
END = stream(finish(), usage())


def relay_of(stream_: FakeStream) -> Relay:
    timeouts = AttemptTimeouts(Deadline(20), Timeouts())
    provider_stream = ProviderStream(TARGET, cast("OpenStream", stream_), timeouts, AnswerProgress(1), Stopwatch())
    return Relay((FAILED_ATTEMPT,), provider_stream, 4096, lambda error: ProviderFault(type(error).__name__))


def last_attempt(outcome: Outcome[Any]) -> tuple[str, str, int | None, str | None]:
    """Return the facts of the last_attempt attempt. Assert that the earlier ones and the output cap are kept."""
    assert (outcome.attempts[:-1], outcome.capped_max_tokens) == ((FAILED_ATTEMPT,), 4096)
    attempt = outcome.attempts[-1]
    return attempt.cause, attempt.charged, attempt.status, attempt.request_id


def test_a_complete_answer_is_billed_and_its_connection_is_drained() -> None:
    stream_ = FakeStream([HELLO, END])
    relay = relay_of(stream_)

    assert len(list(relay.events())) == 2
    assert stream_.releases == []
    outcome = relay.end()

    assert stream_.releases == ["drained"]
    assert outcome.result == {"usage": usage()["usage"]}
    assert last_attempt(outcome) == ("", "billed", 200, "req-1")
    assert (relay.target, relay.attempts) == (TARGET, 2)


def test_the_result_without_usage_is_empty() -> None:
    relay = relay_of(FakeStream([HELLO, stream(finish())]))
    list(relay.events())

    assert (relay.usage, relay.end().result) == (None, {})


@pytest.mark.parametrize("read", [0, 1], ids=["before the first event", "after the first event"])
def test_an_answer_closed_early_is_presumed_charged(read: int) -> None:
    stream_ = FakeStream([HELLO, END])
    relay = relay_of(stream_)
    events = relay.events()
    for _ in range(read):
        next(events)

    outcome = relay.end()

    assert stream_.releases == ["closed"]
    assert isinstance(outcome.result, InternalError)
    assert isinstance(outcome.result.cause, ClosedEarly)
    assert last_attempt(outcome) == ("ClosedEarly", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    ("stream_", "error"),
    [
        (FakeStream([HELLO], ProviderAnswerBroken("cut")), ProviderAnswerBroken),
        (FakeStream([HELLO]), ProviderAnswerBroken),
        (FakeStream([HELLO, error_event()]), ProviderFault),
    ],
    ids=["cut", "no finish_reason", "error event"],
)
def test_a_failed_answer_raises_the_clients_error_and_ends_with_it(
    stream_: FakeStream, error: type[ProviderError]
) -> None:
    relay = relay_of(stream_)

    with pytest.raises(ProviderFault, match=error.__name__) as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert stream_.releases == ["closed"]
    assert last_attempt(outcome) == (error.__name__, "presumed", 200, "req-1")


def test_an_unhandled_exception_ends_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stream_ = FakeStream([HELLO, END])
    relay = relay_of(stream_)
    monkeypatch.setattr(ChunkNormalizer, "normalize", lambda *_: 1 // 0)

    with pytest.raises(InternalError) as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert isinstance(raised.value.cause, ZeroDivisionError)
    assert stream_.releases == ["closed"]
    assert last_attempt(outcome) == ("ZeroDivisionError", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    "stream_",
    [FakeStream([HELLO, END]), FakeStream([HELLO]), FakeStream([HELLO], ZeroDivisionError())],
    ids=["answered", "failed", "unhandled"],
)
def test_end_returns_the_same_outcome_each_time(stream_: FakeStream) -> None:
    relay = relay_of(stream_)
    with suppress(GatewayError):
        list(relay.events())

    assert relay.end() is relay.end()
    assert len(stream_.releases) == 1


def test_events_that_arrive_together_are_yielded_together() -> None:
    relay = relay_of(FakeStream([HELLO[:40], HELLO[40:] + HELLO, encode_chunks(usage()), END]))

    assert [len(batch) for batch in relay.events()] == [4, 1]

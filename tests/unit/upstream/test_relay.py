"""What becomes of a relayed answer, however its reading ends."""

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
from tests.unit.upstream.fake_stream import Playing

TARGET = Target("dashscope", "qwen3-max")
BEFORE = Attempt(Target("dashscope", "qwen-plus"), "ProviderFault", 500, "req-0", 5, None, "presumed")
HELLO = encode_chunks(*text_chunks("Hel"))
END = stream(finish(), usage())


def relay_of(playing: Playing) -> Relay:
    timeouts = AttemptTimeouts(Deadline(20), Timeouts())
    answering = ProviderStream(TARGET, cast("OpenStream", playing), timeouts, AnswerProgress(1), Stopwatch())
    return Relay((BEFORE,), answering, 4096, lambda error: ProviderFault(type(error).__name__))


def last(outcome: Outcome[Any]) -> tuple[str, str, int | None, str | None]:
    """What the last attempt was; those before have to be kept, and the cap."""
    assert (outcome.attempts[:-1], outcome.capped_max_tokens) == ((BEFORE,), 4096)
    attempt = outcome.attempts[-1]
    return attempt.cause, attempt.charged, attempt.status, attempt.request_id


def test_one_that_was_read_to_its_end_is_billed_and_gives_its_connection_back() -> None:
    playing = Playing([HELLO, END])
    relay = relay_of(playing)

    assert len(list(relay.events())) == 2
    assert playing.ended == []
    outcome = relay.end()

    assert playing.ended == ["wound up"]
    assert outcome.result == {"usage": usage()["usage"]}
    assert last(outcome) == ("", "billed", 200, "req-1")
    assert (relay.target, relay.attempts) == (TARGET, 2)


def test_without_usage_its_result_is_empty() -> None:
    relay = relay_of(Playing([HELLO, stream(finish())]))
    list(relay.events())

    assert (relay.usage, relay.end().result) == (None, {})


@pytest.mark.parametrize("read", [0, 1], ids=["before its first event", "after it"])
def test_one_that_is_left_is_broken_off_and_may_be_billed(read: int) -> None:
    playing = Playing([HELLO, END])
    relay = relay_of(playing)
    events = relay.events()
    for _ in range(read):
        next(events)

    outcome = relay.end()

    assert playing.ended == ["broken off"]
    assert isinstance(outcome.result, InternalError)
    assert isinstance(outcome.result.cause, ClosedEarly)
    assert last(outcome) == ("ClosedEarly", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    ("playing", "cause"),
    [
        (Playing([HELLO], ProviderAnswerBroken("cut")), ProviderAnswerBroken),
        (Playing([HELLO]), ProviderAnswerBroken),
        (Playing([HELLO, error_event()]), ProviderFault),
    ],
    ids=["cut", "no end", "an error event"],
)
def test_one_that_fails_raises_what_the_reader_is_told_and_ends_with_it(
    playing: Playing, cause: type[ProviderError]
) -> None:
    relay = relay_of(playing)

    with pytest.raises(ProviderFault, match=cause.__name__) as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert playing.ended == ["broken off"]
    assert last(outcome) == (cause.__name__, "presumed", 200, "req-1")


def test_a_defect_on_the_way_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing([HELLO, END])
    relay = relay_of(playing)
    monkeypatch.setattr(ChunkNormalizer, "normalize", lambda *_: 1 // 0)

    with pytest.raises(InternalError) as raised:
        list(relay.events())
    outcome = relay.end()

    assert outcome.result is raised.value
    assert isinstance(raised.value.cause, ZeroDivisionError)
    assert playing.ended == ["broken off"]
    assert last(outcome) == ("ZeroDivisionError", "presumed", 200, "req-1")


@pytest.mark.parametrize(
    "playing",
    [Playing([HELLO, END]), Playing([HELLO]), Playing([HELLO], ZeroDivisionError())],
    ids=["answered", "failed", "defect"],
)
def test_an_end_stays_what_it_was(playing: Playing) -> None:
    relay = relay_of(playing)
    with suppress(GatewayError):
        list(relay.events())

    assert relay.end() is relay.end()
    assert len(playing.ended) == 1


def test_events_that_came_together_stay_together() -> None:
    relay = relay_of(Playing([HELLO[:40], HELLO[40:] + HELLO, encode_chunks(usage()), END]))

    assert [len(batch) for batch in relay.events()] == [4, 1]

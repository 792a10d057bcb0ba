"""One attempt through `Upstream`: the request to the provider, its answer, and its errors."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import pytest

from qwen_gateway import config
from qwen_gateway.errors import (
    GatewayError,
    InternalError,
    ProviderAnswerBroken,
    ProviderFault,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderThrottled,
    ProviderUnreachable,
    RouteModelMissing,
)
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Deadline, Outcome, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.timeouts import AttemptTimeouts
from qwen_gateway.upstream.transport import Address
from tests.builders import (
    chat_request,
    chunk,
    encode_chunks,
    error_event,
    finish,
    split_at,
    stream,
    text_chunks,
    usage,
    whole_stream,
)
from tests.unit.upstream.fakes import FakeClock, FakeResponse

TARGET = Target("dashscope", "qwen4-max")


class FakeKeys:
    """One key per provider; records the reloads, and the seconds that each call may take."""

    def __init__(self, failure: GatewayError | None = None) -> None:
        self._failure = failure
        self.reloaded: list[str] = []
        self.seconds: list[float] = []

    def key(self, provider: str, seconds: float) -> str:
        self.seconds.append(seconds)
        if self._failure:
            raise self._failure
        return f"key of {provider}"

    def reload_refused(self, provider: str, _refused: str, seconds: float) -> bool:
        self.seconds.append(seconds)
        self.reloaded.append(provider)
        return True


class FakeTransport:
    """Answers every call with the same pieces, or raises; records the calls."""

    def __init__(self, body: Iterable[bytes] = (), failure: GatewayError | None = None) -> None:
        self._body = body
        self._failure = failure
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []

    def open(self, address: Address, key: str, body: Mapping[str, Any], _timeouts: AttemptTimeouts) -> FakeResponse:
        self.calls.append((address.url + address.path, key, body))
        if self._failure:
            raise self._failure
        return FakeResponse(self._body)


def complete(
    transport: FakeTransport, keys: FakeKeys | None = None, *, model: str = "qwen4-max", clock: FakeClock | None = None
) -> Outcome:
    clock = clock or FakeClock()
    upstream = Upstream(
        config.parse('{"retries": {"attempts": 1}}'), keys or FakeKeys(), cast("Transport", transport), clock
    )
    return upstream.complete(CHAT, RoutedRequest(model, (TARGET,), chat_request(top_k=3)), Deadline(20, clock))


def failure_of(outcome: Outcome) -> GatewayError:
    assert isinstance(outcome.result, GatewayError)
    return outcome.result


def test_the_request_has_the_providers_model_and_asks_for_a_stream_with_usage() -> None:
    transport = FakeTransport([whole_stream()])

    complete(transport, model="qwen-max")

    assert transport.calls == [
        (
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
            "key of dashscope",
            chat_request(model="qwen4-max", top_k=3, stream=True, stream_options={"include_usage": True}),
        )
    ]


def test_an_answer_is_assembled_and_its_attempt_is_billed() -> None:
    outcome = complete(FakeTransport([whole_stream("Hel", "lo.")]))

    assert isinstance(outcome.result, dict)
    assert outcome.result["object"] == "chat.completion"
    assert outcome.result["choices"][0]["message"]["content"] == "Hello."
    (attempt,) = outcome.attempts
    assert (attempt.target, attempt.status, attempt.request_id) == (TARGET, 200, "req-1")
    assert (attempt.cause, attempt.charged) == ("", "billed")


def test_the_first_token_is_the_first_chunk_with_output() -> None:
    clock = FakeClock()

    def body() -> Iterator[bytes]:
        for position, each in enumerate([*text_chunks("A", "B"), finish()]):
            clock.now = position * 1.5
            yield encode_chunks(each)

    (attempt,) = complete(FakeTransport(body()), clock=clock).attempts

    assert (attempt.first_token_ms, attempt.latency_ms) == (1500, 4500)


def test_a_first_token_after_0_ms_is_recorded() -> None:
    clock = FakeClock()

    def body() -> Iterator[bytes]:
        yield encode_chunks(chunk({"content": "A"}))
        clock.now = 2
        yield encode_chunks(chunk({"content": "B"}), finish())

    (attempt,) = complete(FakeTransport(body()), clock=clock).attempts

    assert attempt.first_token_ms == 0


def test_nothing_is_read_after_the_end_of_a_stream() -> None:
    def body() -> Iterator[bytes]:
        yield whole_stream()
        pytest.fail("read after the end")

    assert isinstance(complete(FakeTransport(body())).result, dict)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "finish_reason"),
        (stream(), "finish_reason"),
        (encode_chunks(*text_chunks("Hel")), "finish_reason"),
        (stream(*text_chunks("Hel"), usage()), "finish_reason"),
        (stream(*text_chunks("A"), *text_chunks("B", index=1), finish()), "finish_reason"),
        (b"data: {\n\n", "no JSON object"),
        (b"data: [1]\n\n", "no JSON object"),
        (b'data: {"choices": [{"index": NaN}]}\n\n', "no JSON object"),
        (b'data: {"created": 1e999}\n\n', "no JSON object"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "no JSON object"),
        (b'data: "\xff"\n\n', "no JSON object"),
        (stream({"choices": [{"delta": 7}]}), "form"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_an_incomplete_or_invalid_stream_is_a_broken_answer(body: bytes, message: str) -> None:
    failure = failure_of(complete(FakeTransport([body])))

    assert isinstance(failure, ProviderAnswerBroken)
    assert message in failure.message
    assert "dashscope" in failure.message


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (error_event(code="InternalError"), ProviderFault),
        (error_event(code=None), ProviderFault),
        (error_event(code=500), ProviderFault),
        (error_event(code="data_inspection_failed"), ProviderRefused),
        (error_event(code="limit_requests"), ProviderThrottled),
        (b'data: {"error": "a message only"}\n\n', ProviderFault),
        (b'data: {"error": {}, "choices": []}\n\n', ProviderAnswerBroken),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_error_event_is_classified_by_its_code(event: bytes, expected: type[GatewayError]) -> None:
    body = encode_chunks(*text_chunks("Hel")) + event

    outcome = complete(FakeTransport(split_at(body, range(0, len(body), 7))))

    assert type(outcome.result) is expected
    assert [attempt.charged for attempt in outcome.attempts] == ["presumed"]


@pytest.mark.parametrize(
    ("failure", "charged"),
    [
        (ProviderRefused("message", status=400), "none"),
        (ProviderThrottled("message", status=429), "none"),
        (ProviderFault("message", status=500), "presumed"),
        (ProviderAnswerBroken("message", status=302), "presumed"),
        (ProviderAnswerBroken("message"), "presumed"),
        (ProviderUnreachable("message"), "none"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else value,
)
def test_only_attempts_that_may_have_run_are_presumed_charged(failure: GatewayError, charged: str) -> None:
    (attempt,) = complete(FakeTransport(failure=failure)).attempts

    assert (attempt.cause, attempt.charged) == (type(failure).__name__, charged)


def test_an_unhandled_exception_keeps_its_attempt() -> None:
    exception: Any = ValueError("x")
    outcome = complete(FakeTransport(failure=exception))

    assert isinstance(outcome.result, InternalError)
    assert outcome.result.cause is exception
    (attempt,) = outcome.attempts
    assert (attempt.target, attempt.cause, attempt.charged) == (TARGET, "ValueError", "presumed")


def test_only_a_rejected_key_is_reloaded() -> None:
    keys = FakeKeys()

    complete(FakeTransport(failure=ProviderThrottled("message", status=429)), keys)
    assert keys.reloaded == []

    failure = failure_of(complete(FakeTransport(failure=ProviderKeyRefused("key sk-12**34", status=401)), keys))
    assert keys.reloaded == ["dashscope"]
    assert "qwen-gateway secrets set dashscope" in failure.message
    assert "sk-12" not in failure.message


def test_without_a_key_the_provider_is_not_called() -> None:
    transport = FakeTransport([whole_stream()])
    missing = ProviderNotConfigured("no key")

    outcome = complete(transport, FakeKeys(missing))

    assert outcome == Outcome((), missing)
    assert transport.calls == []


def test_a_missing_model_is_a_client_error_if_the_client_named_it_else_an_error_of_the_route() -> None:
    transport = FakeTransport(failure=ProviderModelMissing("no such model", status=404))

    assert type(complete(transport, model="qwen4-max").result) is ProviderModelMissing
    assert type(complete(transport, model="qwen-max").result) is RouteModelMissing


def test_the_client_gets_the_providers_message_and_its_details() -> None:
    error = ProviderRefused(
        "n is too large", param="n", retry_after=3, status=400, code="invalid_value", request_id="r"
    )

    failure = failure_of(complete(FakeTransport(failure=error)))

    assert (failure.message, failure.param, failure.retry_after) == ("n is too large", "n", 3)
    assert isinstance(failure, ProviderRefused)
    assert (failure.status, failure.code, failure.request_id) == (400, "invalid_value", "r")


def test_the_keys_are_read_within_the_deadline() -> None:
    keys = FakeKeys()

    complete(FakeTransport(failure=ProviderKeyRefused("message")), keys)

    assert keys.seconds == [20, 20]

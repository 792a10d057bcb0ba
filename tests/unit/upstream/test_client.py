"""One attempt: what is asked of the provider, what becomes of its stream, and what of its refusal."""

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
from qwen_gateway.upstream import Deadline, Outcome, Transport, Upstream
from qwen_gateway.upstream.timeouts import AttemptTimeouts
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

TARGET = Target("dashscope", "qwen3-max")


class Clock:
    """A clock that goes on only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeKeys:
    """One provider key; counts how often it was to be read again."""

    def __init__(self, failure: GatewayError | None = None) -> None:
        self._failure = failure
        self.reloaded: list[str] = []

    def key(self, provider: str) -> str:
        if self._failure:
            raise self._failure
        return f"key of {provider}"

    def reload_refused(self, provider: str, _refused: str) -> bool:
        self.reloaded.append(provider)
        return True


class FakeStream:
    request_id = "req-1"
    status = 200

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self.ended = ""

    def pieces(self) -> Iterator[bytes]:
        return iter(self._body)

    def drain(self) -> None:
        self.ended = "wound up"

    def close(self) -> None:
        self.ended = "broken off"


class FakeTransport:
    """Answers every call with the same pieces, or fails; keeps what it was asked."""

    def __init__(self, body: Iterable[bytes] = (), failure: GatewayError | None = None) -> None:
        self._body = body
        self._failure = failure
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []

    def open(self, url: str, key: str, body: Mapping[str, Any], _patience: AttemptTimeouts) -> FakeStream:
        self.asked.append((url, key, body))
        if self._failure:
            raise self._failure
        return FakeStream(self._body)


def complete(
    transport: FakeTransport, keys: FakeKeys | None = None, *, model: str = "qwen3-max", clock: Clock | None = None
) -> Outcome:
    clock = clock or Clock()
    upstream = Upstream(
        config.parse('{"retries": {"attempts": 1}}'), keys or FakeKeys(), cast("Transport", transport), clock
    )
    return upstream.complete(model, (TARGET,), chat_request(top_k=3), Deadline(20, clock))


def failure_of(outcome: Outcome) -> GatewayError:
    assert isinstance(outcome.result, GatewayError)
    return outcome.result


def test_the_provider_is_asked_for_its_own_model_and_always_for_a_stream_with_usage() -> None:
    transport = FakeTransport([whole_stream()])

    complete(transport, model="qwen-max")

    assert transport.asked == [
        (
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "key of dashscope",
            chat_request(model="qwen3-max", top_k=3, stream=True, stream_options={"include_usage": True}),
        )
    ]


def test_an_answer_is_put_together_and_its_attempt_is_billed() -> None:
    outcome = complete(FakeTransport([whole_stream("Hel", "lo.")]))

    assert isinstance(outcome.result, dict)
    assert outcome.result["object"] == "chat.completion"
    assert outcome.result["choices"][0]["message"]["content"] == "Hello."
    (attempt,) = outcome.attempts
    assert (attempt.target, attempt.status, attempt.request_id) == (TARGET, 200, "req-1")
    assert (attempt.cause, attempt.charged) == ("", "billed")


def test_the_first_token_is_the_first_chunk_with_output() -> None:
    clock = Clock()

    def body() -> Iterator[bytes]:
        for moment, each in enumerate([*text_chunks("A", "B"), finish()]):
            clock.now = moment * 1.5
            yield encode_chunks(each)

    (attempt,) = complete(FakeTransport(body()), clock=clock).attempts

    assert (attempt.first_token_ms, attempt.latency_ms) == (1500, 4500)


def test_a_first_token_at_once_is_not_taken_for_none() -> None:
    clock = Clock()

    def body() -> Iterator[bytes]:
        yield encode_chunks(chunk({"content": "A"}))
        clock.now = 2
        yield encode_chunks(chunk({"content": "B"}), finish())

    (attempt,) = complete(FakeTransport(body()), clock=clock).attempts

    assert attempt.first_token_ms == 0


def test_what_comes_after_the_end_of_a_stream_is_not_read() -> None:
    def body() -> Iterator[bytes]:
        yield whole_stream()
        pytest.fail("read on")

    assert isinstance(complete(FakeTransport(body())).result, dict)


@pytest.mark.parametrize(
    ("body", "words"),
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
def test_a_stream_that_is_no_answer_is_a_broken_one(body: bytes, words: str) -> None:
    failure = failure_of(complete(FakeTransport([body])))

    assert isinstance(failure, ProviderAnswerBroken)
    assert words in failure.message
    assert "dashscope" in failure.message


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (error_event(code="InternalError"), ProviderFault),
        (error_event(code=None), ProviderFault),
        (error_event(code=500), ProviderFault),
        (error_event(code="data_inspection_failed"), ProviderRefused),
        (error_event(code="limit_requests"), ProviderThrottled),
        (b'data: {"error": "words alone"}\n\n', ProviderFault),
        (b'data: {"error": {}, "choices": []}\n\n', ProviderAnswerBroken),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_error_inside_a_stream_is_told_by_its_code(event: bytes, kind: type[GatewayError]) -> None:
    body = encode_chunks(*text_chunks("Hel")) + event

    outcome = complete(FakeTransport(split_at(body, range(0, len(body), 7))))

    assert type(outcome.result) is kind
    assert [attempt.charged for attempt in outcome.attempts] == ["presumed"]


@pytest.mark.parametrize(
    ("failure", "charged"),
    [
        (ProviderRefused("words", status=400), "none"),
        (ProviderThrottled("words", status=429), "none"),
        (ProviderFault("words", status=500), "presumed"),
        (ProviderAnswerBroken("words", status=302), "presumed"),
        (ProviderAnswerBroken("words"), "presumed"),
        (ProviderUnreachable("words"), "none"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else value,
)
def test_only_what_may_have_run_may_be_charged(failure: GatewayError, charged: str) -> None:
    (attempt,) = complete(FakeTransport(failure=failure)).attempts

    assert (attempt.cause, attempt.charged) == (type(failure).__name__, charged)


def test_a_defect_in_mid_call_keeps_the_attempt_that_may_be_billed() -> None:
    unforeseen: Any = ValueError("x")
    outcome = complete(FakeTransport(failure=unforeseen))

    assert isinstance(outcome.result, InternalError)
    assert outcome.result.cause is unforeseen
    (attempt,) = outcome.attempts
    assert (attempt.target, attempt.cause, attempt.charged) == (TARGET, "ValueError", "presumed")


def test_a_refused_key_is_read_again_and_nothing_else_is() -> None:
    keys = FakeKeys()

    complete(FakeTransport(failure=ProviderThrottled("words", status=429)), keys)
    assert keys.reloaded == []

    failure = failure_of(complete(FakeTransport(failure=ProviderKeyRefused("key sk-12**34", status=401)), keys))
    assert keys.reloaded == ["dashscope"]
    assert "qwen-gateway secrets set dashscope" in failure.message
    assert "sk-12" not in failure.message


def test_without_a_key_no_provider_is_called() -> None:
    transport = FakeTransport([whole_stream()])
    missing = ProviderNotConfigured("no key")

    outcome = complete(transport, FakeKeys(missing))

    assert outcome == Outcome((), missing)
    assert transport.asked == []


def test_a_missing_model_is_the_clients_when_the_client_named_it_and_else_the_routes() -> None:
    transport = FakeTransport(failure=ProviderModelMissing("no such model", status=404))

    assert type(complete(transport, model="qwen3-max").result) is ProviderModelMissing
    assert type(complete(transport, model="qwen-max").result) is RouteModelMissing


def test_what_the_provider_said_reaches_the_client_with_all_that_belongs_to_it() -> None:
    said = ProviderRefused("n is too large", param="n", retry_after=3, status=400, code="invalid_value", request_id="r")

    told = failure_of(complete(FakeTransport(failure=said)))

    assert (told.message, told.param, told.retry_after) == ("n is too large", "n", 3)
    assert isinstance(told, ProviderRefused)
    assert (told.status, told.code, told.request_id) == (400, "invalid_value", "r")

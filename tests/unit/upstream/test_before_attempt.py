"""The hook before each attempt: what it gets, and how it ends a request."""

from collections.abc import Sequence
from typing import cast

from qwen_gateway import config
from qwen_gateway.errors import GatewayError, LedgerUnavailable, ProviderFault
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations.chat import CHAT
from tests.builders import chat_request, whole_stream
from tests.unit.upstream.fakes import FakeClock, FakeResponse

FIRST, SECOND = Target("dashscope", "qwen4-max"), Target("dashscope", "qwen-plus")


class FakeProvider:
    """The keys and the transport of an upstream client; the model `qwen4-max` fails."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def key(self, _provider: str, _seconds: float) -> str:
        return "sk-test"

    def open(self, *call: object) -> FakeResponse:
        body = cast("dict[str, str]", call[2])
        self.called.append(body["model"])
        if body["model"] == FIRST.model:
            raise ProviderFault("message", status=500)
        return FakeResponse([whole_stream()])


class Hook:
    """Records its calls, and refuses the attempts at one target."""

    def __init__(self, refused: Target | None = None) -> None:
        self._refused = refused
        self.calls: list[tuple[Target, list[str]]] = []
        self.refusal = LedgerUnavailable("x")

    def __call__(self, target: Target, attempts: Sequence[Attempt]) -> GatewayError | None:
        self.calls.append((target, [attempt.cause for attempt in attempts]))
        return self.refusal if target == self._refused else None


def complete(provider: FakeProvider, hook: Hook) -> Outcome:
    settings = config.parse('{"retries": {"attempts": 2}}')
    clock = FakeClock()
    upstream = Upstream(settings, provider, cast("Transport", provider), clock, sleep=lambda _: None)  # type: ignore[arg-type]
    request = RoutedRequest("alias", (FIRST, SECOND), chat_request())
    return upstream.complete(CHAT, request, Deadline(20, clock), hook)


def test_it_gets_the_target_and_the_attempts_so_far() -> None:
    hook = Hook()

    outcome = complete(FakeProvider(), hook)

    assert isinstance(outcome.result, dict)
    assert hook.calls == [(FIRST, []), (SECOND, ["ProviderFault"])]


def test_an_error_before_the_first_attempt_ends_the_request_without_a_call() -> None:
    provider, hook = FakeProvider(), Hook(refused=FIRST)

    assert complete(provider, hook) == Outcome((), hook.refusal)
    assert provider.called == []


def test_an_error_before_a_later_attempt_ends_the_request_with_the_error_of_the_first() -> None:
    provider, hook = FakeProvider(), Hook(refused=SECOND)

    outcome = complete(provider, hook)

    assert isinstance(outcome.result, ProviderFault)
    assert [attempt.cause for attempt in outcome.attempts] == ["ProviderFault"]
    assert provider.called == [FIRST.model]

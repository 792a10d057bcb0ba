"""Every row of `tests.failures.rows` over real HTTP, in each variant: calls, response and records."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple, cast

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request, whole_stream
from tests.failures.rows import ATTEMPTS, ROWS, Row, Variant
from tests.integration.chat.conftest import LONG_TIMEOUTS, SHORT_TIMEOUTS, Answer, Gateway, MakeGateway
from tests.integration.chat.fake_provider import (
    Behaviour,
    close,
    hang,
    reset,
    respond_in_order,
    respond_with,
    run_fake_provider,
    sse_response,
)

MARKED = "marked words of a prompt"
DEADLINE_S = 28.0
TARGETS = {
    "1": {"provider": "dashscope", "model": "qwen4-max"},
    "2": {"provider": "dashscope", "model": "qwen-plus"},
    "3": {"provider": "holysheep", "model": "qwen-flash"},
}
ROUTE = list(TARGETS.values())
NUMBERS = {(target["provider"], target["model"]): number for number, target in TARGETS.items()}

# URLs for a provider that cannot be reached, made from the URL of the mock Qwen.
UNREACHABLE: dict[str, Callable[[str], str]] = {
    "connection refused": lambda _: "http://127.0.0.1:1",
    "no such name": lambda _: "https://no-such-host.invalid",
    "no TLS": lambda url: url.replace("http:", "https:"),
}
RESPOND: Behaviour = respond_with(sse_response(whole_stream()))
# Behaviours that the mock Qwen does not have, one for each request, by situation and whether all targets fail.
BEHAVIOURS: dict[tuple[str, bool], tuple[Behaviour, ...]] = {
    ("resets", False): (reset, reset, RESPOND),
    ("resets", True): (reset, reset, reset, reset),
    ("reset when idle", False): (RESPOND, reset, RESPOND),
    ("closed when idle", False): (RESPOND, close, RESPOND),
}
ALL_VARIANTS = [
    pytest.param(row, variant, id=f"{row.cause}: {variant.description}") for row in ROWS for variant in row.variants
]


class FailureEnvironment(NamedTuple):
    """What a test needs to reproduce a failure: gateways, the mock Qwen, and fake providers that run until its end."""

    make_gateway: MakeGateway
    provider: RunningMockQwen
    fake_providers: ExitStack

    def call(self, row: Row, variant: Variant, *, all_fail: bool) -> tuple[Gateway, Answer]:
        """Make one call while target 1, or its provider, or every target fails."""
        failing = ("dashscope", "holysheep") if all_fail else ("dashscope",)
        if variant.fault:
            model = "*" if all_fail else TARGETS["1"]["model"]
            self.provider.control({"faults": [{"message": MARKED, **variant.fault, "model": model, "times": 9}]})
        urls = dict.fromkeys(failing, self._choose_url(variant, all_fail=all_fail))
        gateway = self._create_gateway(urls, SHORT_TIMEOUTS if variant.ends_by_timeout else LONG_TIMEOUTS)
        self._store_keys(gateway, variant, failing)
        if variant.situation.endswith("when idle"):
            gateway.chat(chat_request(model=row.route))
        return gateway, gateway.chat(chat_request(model=row.route), seconds=DEADLINE_S)

    def _choose_url(self, variant: Variant, *, all_fail: bool) -> str:
        if variant.situation == "TLS hangs":
            return self.fake_providers.enter_context(run_fake_provider(hang)).url.replace("http:", "https:")
        if behaviours := BEHAVIOURS.get((variant.situation, all_fail)):
            return self.fake_providers.enter_context(run_fake_provider(respond_in_order(*behaviours))).url
        return UNREACHABLE.get(variant.situation, str)(self.provider.url)

    def _create_gateway(self, failing: dict[str, str], timeouts: dict[str, float]) -> Gateway:
        urls = {"dashscope": self.provider.url, "holysheep": self.provider.url} | failing
        providers = {name: {"base_url": f"{url}/v1"} for name, url in urls.items()}
        routes = {"ladder": ROUTE, "qwen4-max": ROUTE}
        more = {"providers": providers, "routes": routes, "timeouts": timeouts}
        return self.make_gateway(self.provider.url, ATTEMPTS, more)

    def _store_keys(self, gateway: Gateway, variant: Variant, failing: tuple[str, ...]) -> None:
        keys = {"dashscope": "sk-good", "holysheep": "sk-good"}
        if variant.situation == "no key":
            keys = {name: key for name, key in keys.items() if name not in failing}
        if variant.situation == "a new key":
            gateway.aws.store_provider_keys(**keys | dict.fromkeys(failing, "sk-invalid"))
            gateway.provider_keys.prefetch()
        gateway.aws.store_provider_keys(**keys)


@pytest.fixture
def env(make_gateway: MakeGateway, provider: RunningMockQwen) -> Iterator[FailureEnvironment]:
    with ExitStack() as fake_providers:
        yield FailureEnvironment(make_gateway, provider, fake_providers)


@pytest.mark.parametrize(("row", "variant"), ALL_VARIANTS)
def test_the_failure_of_one_target_has_the_effects_of_its_row(
    env: FailureEnvironment, row: Row, variant: Variant
) -> None:
    gateway, answer = env.call(row, variant, all_fail=False)

    assert format_calls(gateway, answer) == row.calls_if_first_fails
    assert answer.status == (row.status if row.is_final else 200)
    attempts = gateway.record(answer)["attempts"]
    *failed, last = map(read_attempt, attempts)
    failure = (row.recorded_cause, variant.http, row.charged)
    assert failed == [failure] * len(failed)
    assert last == (failure if row.is_final else (None, 200, "billed"))
    assert all(attempt["provider_request_id"] for attempt in attempts if "http_status" in attempt)


@pytest.mark.parametrize(
    ("row", "variant"), [each for each in ALL_VARIANTS if cast("Row", each.values[0]).calls_if_all_fail is not None]
)
def test_the_failure_of_all_targets_has_the_effects_of_its_row(
    env: FailureEnvironment, capsys: pytest.CaptureFixture[str], row: Row, variant: Variant
) -> None:
    gateway, answer = env.call(row, variant, all_fail=True)

    assert format_calls(gateway, answer) == row.calls_if_all_fail
    assert (answer.status, answer.body["error"]["code"]) == (row.status, row.code)
    assert answer.headers.get("retry-after", "") == row.retry_after
    assert answer.headers.get("x-should-retry", "") == row.should_retry
    record = gateway.record(answer)
    assert (record["status"], record["outcome"]) == (row.status, row.code)
    assert {read_attempt(attempt) for attempt in record["attempts"]} <= {
        (row.recorded_cause, variant.http, row.charged)
    }
    output = capsys.readouterr()
    assert f'"{row.code}":1,' in output.out.replace(" ", ""), "no metric counts the error"
    assert MARKED not in output.out + output.err + str(record)


def read_attempt(attempt: dict[str, Any]) -> tuple[str | None, int | None, str]:
    return attempt.get("cause"), attempt.get("http_status"), attempt["charged"]


def format_calls(gateway: Gateway, answer: Answer) -> str:
    """Return the calls and the waits before them in the notation of a row. Assert that the headers agree."""
    calls = [(attempt["provider"], attempt["model"]) for attempt in gateway.record(answer)["attempts"]]
    headers = tuple(answer.headers.get(f"x-gateway-{name}") for name in ("provider", "model", "attempts"))
    assert headers == ((*calls[-1], str(len(calls))) if calls else (None, None, None))
    waits = gateway.waits[len(gateway.waits) - len(calls) :]
    steps = [(f"{wait:g} s, " if wait else "") + NUMBERS[each] for wait, each in zip(waits, calls, strict=True)]
    return ", ".join(steps)
